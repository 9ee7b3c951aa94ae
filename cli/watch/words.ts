const UNITS = ["B", "K", "M", "G", "T", "P"] as const;

/** Bytes in at most five characters: `812B`, `4.2K`, `118M`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || value >= 99.95 ? String(Math.round(value)) : value.toFixed(1);
  return `${text}${UNITS[unit]}`;
}

/** A span in at most six characters: `42s`, `12m05s`, `3h07m`, `9d04h`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`;
  return `${Math.floor(seconds / 86_400)}d${two(Math.floor(seconds / 3600) % 24)}h`;
}

/** The time of day of an instant, UTC like everything in records. */
export function clockText(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 19) : "-";
}
