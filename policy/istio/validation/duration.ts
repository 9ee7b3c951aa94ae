import { isSet, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const LARGEST = (1n << 63n) - 1n;

/** A duration in Go's grammar (`1h30m`, `1.5s`, `-2ms`, `0`) in nanoseconds, or undefined when it is none. */
export function parseGoDuration(value: string): bigint | undefined {
  const sign = value.startsWith("-") ? -1n : 1n;
  const body = value.replace(/^[-+]/, "");
  if (body === "0") return 0n;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of body.matchAll(
    /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    const scale = UNITS[unit] ?? 0n;
    total += BigInt(whole || "0") * scale;
    if (fraction !== "") total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > LARGEST + (sign < 0n ? 1n : 0n)) return undefined;
  return sign * total;
}

/** Checks a duration that must be set to whole milliseconds, and to one at least. */
export function checkDuration(node: Node, report: Report): void {
  const duration = parseGoDuration(text(node));
  if (duration === undefined)
    report.error(node, `${JSON.stringify(node.value)} is not a duration; write it like 1h30m or 500ms`);
  else if (duration < 1_000_000n) report.error(node, "duration must be at least 1ms");
  else if (duration % 1_000_000n !== 0n)
    report.error(node, "only durations to millisecond precision are supported");
}

/** Checks a duration if it is set. */
export function checkOptionalDuration(node: Node, report: Report): void {
  if (isSet(node)) checkDuration(node, report);
}

/** Checks that a set duration can be decoded; its size is not looked at. */
export function checkDecodableDuration(node: Node, report: Report): void {
  if (isSet(node) && parseGoDuration(text(node)) === undefined) {
    report.error(node, `${JSON.stringify(node.value)} is not a duration; write it like 1h30m or 500ms`);
  }
}
