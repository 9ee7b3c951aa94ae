/**
 * Reads the plain part of YAML that nearly every policy is written in: block mappings and lists of words, numbers, simple
 * quoted texts and one-line flow collections. Whatever else there is in a document (anchors, tags, escapes, comments after
 * values, texts over several lines, tabs, anything not ASCII) it leaves to the library: it then returns undefined.
 *
 * It exists for speed alone: an estate of a hundred thousand grants loads in seconds instead of minutes. It never
 * accepts what the library refuses, and never reads it differently; a property test holds it to that.
 */
export function parsePlain(text: string): Record<string, unknown> | undefined {
  const lines = contentLines(text);
  if (!lines) return undefined;
  const reader = new PlainReader(lines);
  const value = reader.mapping(0, 0);
  return value && reader.atEnd() ? value : undefined;
}

interface Line {
  readonly indent: number;
  readonly content: string;
}

const MAX_NESTING = 16;
const PRINTABLE = /^[\n -~]*$/;
const COMMENT_OR_BLANK = /^ *(#.*)?$/;

/** The lines that say something; undefined when a character is not plain. */
function contentLines(text: string): Line[] | undefined {
  if (!PRINTABLE.test(text)) return undefined;
  const lines: Line[] = [];
  for (const row of text.split("\n")) {
    if (COMMENT_OR_BLANK.test(row)) continue;
    const content = row.trimStart();
    lines.push({ indent: row.length - content.length, content: content.trimEnd() });
  }
  return lines;
}

/** A key, its colon, and what follows on the line. */
const KEY = /^([A-Za-z][A-Za-z0-9_./-]*):(?: +(.+))?$/;
/** Keys that YAML reads as something else than their text. */
const NOT_A_TEXT_KEY = /^(true|false|null)$/i;

/** Marks that the reader met what it does not know; never a value of a document. */
const UNKNOWN = Symbol("unknown");

class PlainReader {
  readonly #lines: Line[];
  #next = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  atEnd(): boolean {
    return this.#next === this.#lines.length;
  }

  /** The mapping whose keys stand at this indentation, or undefined. */
  mapping(indent: number, depth: number): Record<string, unknown> | undefined {
    const result: Record<string, unknown> = {};
    let keys = 0;
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      const match = KEY.exec(line.content);
      if (!match) break;
      const [, key = "", rest] = match;
      if (NOT_A_TEXT_KEY.test(key) || Object.hasOwn(result, key)) return undefined;
      this.#next++;
      const value = rest === undefined ? this.#below(indent, depth + 1) : this.#inline(rest, indent);
      if (value === UNKNOWN) return undefined;
      result[key] = value;
      keys++;
    }
    return keys > 0 ? result : undefined;
  }

  /** What stands below a key without a value on its line; null when nothing does. */
  #below(indent: number, depth: number): unknown {
    if (depth > MAX_NESTING) return UNKNOWN;
    const line = this.#lines[this.#next];
    if (!line || line.indent < indent) return null;
    const isList = line.content.startsWith("- ");
    if (line.indent === indent) return isList ? this.#list(indent, depth) : null;
    return (isList ? this.#list(line.indent, depth) : this.mapping(line.indent, depth)) ?? UNKNOWN;
  }

  #list(indent: number, depth: number): unknown {
    if (depth > MAX_NESTING) return UNKNOWN;
    const result: unknown[] = [];
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      if (!line.content.startsWith("- ")) break;
      const rest = line.content.slice(2);
      let value: unknown;
      if (KEY.test(rest)) {
        // The keys of a mapping in a list stand where the first of them stands, after the dash.
        this.#lines[this.#next] = { indent: indent + 2, content: rest };
        value = this.mapping(indent + 2, depth + 1) ?? UNKNOWN;
      } else {
        this.#next++;
        value = this.#inline(rest, indent);
      }
      if (value === UNKNOWN) return UNKNOWN;
      result.push(value);
    }
    return result;
  }

  /** A value that ends with its line: a deeper line after it would continue it. */
  #inline(text: string, indent: number): unknown {
    const after = this.#lines[this.#next];
    if (after && after.indent > indent) return UNKNOWN;
    const first = text[0];
    if (first === "[" || first === "{") return new FlowReader(text).read();
    return QUOTED.test(text) ? text.slice(1, -1) : WORDS.test(text) ? plainValue(text) : UNKNOWN;
  }
}

/** Quoted text without escapes. */
const QUOTED = /^(?:"[^"\\]*"|'[^']*')$/;
/** A word in which a colon is no key's and nothing starts a comment, and words with single spaces between them. */
const WORD = "[A-Za-z0-9/][A-Za-z0-9_./@+=-]*(?::[A-Za-z0-9/][A-Za-z0-9_./@+=-]*)*";
const WORDS = new RegExp(`^${WORD}(?: ${WORD})*$`);
const FLOW_WORD = new RegExp(WORD, "y");
const FLOW_QUOTED = /"[^"\\]*"|'[^']*'/y;
const FLOW_KEY = /([A-Za-z][A-Za-z0-9_./-]*): +/y;

const INTEGER = /^(0|[1-9][0-9]{0,14})$/;
/** Whatever else might be a number to YAML: floats, exponents, octal, hexadecimal, leading zeros, too many digits. */
const OTHER_NUMBER = /^[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]*)?$|^0[xo]/;

function plainValue(text: string): unknown {
  switch (text) {
    case "true":
    case "True":
    case "TRUE":
      return true;
    case "false":
    case "False":
    case "FALSE":
      return false;
    case "null":
    case "Null":
    case "NULL":
      return null;
    default:
      if (INTEGER.test(text)) return Number(text);
      return OTHER_NUMBER.test(text) ? UNKNOWN : text;
  }
}

/** `[a, 1]` and `{ a: 1, b: [c] }` on one line. */
class FlowReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    const value = this.#value(0);
    return this.#at === this.#text.length ? value : UNKNOWN;
  }

  #value(depth: number): unknown {
    if (depth > MAX_NESTING) return UNKNOWN;
    switch (this.#text[this.#at]) {
      case "[":
        return this.#items<unknown[]>("]", [], (into) => {
          const value = this.#value(depth + 1);
          into.push(value);
          return value !== UNKNOWN;
        });
      case "{":
        return this.#items("}", {}, (into: Record<string, unknown>) => this.#pair(into, depth));
      case '"':
      case "'":
        return this.#match(FLOW_QUOTED)?.slice(1, -1) ?? UNKNOWN;
      default: {
        const word = this.#match(FLOW_WORD);
        return word === undefined ? UNKNOWN : plainValue(word);
      }
    }
  }

  #pair(into: Record<string, unknown>, depth: number): boolean {
    const key = this.#match(FLOW_KEY)?.replace(/: +$/, "");
    if (key === undefined || NOT_A_TEXT_KEY.test(key) || Object.hasOwn(into, key)) return false;
    const value = this.#value(depth + 1);
    into[key] = value;
    return value !== UNKNOWN;
  }

  #items<T>(end: string, into: T, readOne: (into: T) => boolean): unknown {
    this.#at++;
    this.#spaces();
    if (this.#text[this.#at] === end) {
      this.#at++;
      return into;
    }
    for (;;) {
      if (!readOne(into)) return UNKNOWN;
      this.#spaces();
      const separator = this.#text[this.#at++];
      if (separator === end) return into;
      if (separator !== ",") return UNKNOWN;
      this.#spaces();
    }
  }

  #spaces(): void {
    while (this.#text[this.#at] === " ") this.#at++;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
