const MAX_SHOWN = 80;

/** A value as messages show it: one line, cut when long, whatever it is. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return cut(JSON.stringify(value));
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return cut(`${value}n`);
    case "undefined":
      return "undefined";
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      if (value === null) return "null";
      if (value instanceof Date) return "a date";
      return Array.isArray(value) ? "a list" : "a mapping";
  }
}

/** Text cut to what a line of a terminal shows. */
export function cut(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}
