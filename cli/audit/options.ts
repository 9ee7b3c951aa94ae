import { CliError } from "../exit.ts";

/** For an option that may be given several times. */
export function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** An instant, or a time before now such as `30m`, `2h`, `90d`. Epoch milliseconds. @throws CliError */
export function momentOption(option: string, text: string, now: number): number {
  const [, count, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (count !== undefined) return now - Number(count) * (UNITS[unit] ?? 0);
  const instant = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(instant)) {
    throw new CliError(
      `${option} "${text}": write 30m, 2h, 90d, a date such as 2026-11-01, or an instant with its zone`,
    );
  }
  return instant;
}

/** A whole number from 1. @throws CliError */
export function countOption(option: string, text: string): number {
  const count = Number(text);
  if (!/^\d{1,12}$/.test(text) || count < 1)
    throw new CliError(`${option} "${text}": write a whole number from 1`);
  return count;
}
