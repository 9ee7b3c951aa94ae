import type { Position } from "../../finding.ts";
import { milliseconds } from "../../schema/index.ts";

/** A policy's duration (`1h30m`) as the proxy reads one: a single unit, the largest that is exact. */
export function proxyDuration(text: string): string {
  const total = milliseconds(text);
  for (const [unit, size] of [
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const) {
    if (total % size === 0) return `${total / size}${unit}`;
  }
  return `${total}ms`;
}

/** A policy's instant (`2027-03-31` is one) with time and zone. */
export function proxyInstant(text: string): string {
  return new Date(Date.parse(text)).toISOString();
}

/**
 * Where a grant was written, for the proxy's records. A policy in TypeScript has an absolute path, which differs between
 * machines and would show as a change in every preview: its last two parts are kept.
 */
export function proxyOrigin({ file, line, col }: Position): Position {
  const absolute = /^(\/|[A-Za-z]:[\\/])/.test(file);
  return { file: absolute ? file.split(/[\\/]/).slice(-2).join("/") : file, line, col };
}
