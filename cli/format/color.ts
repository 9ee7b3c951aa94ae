import type { Severity } from "../../policy/finding.ts";

/** Colour is for people: only on a terminal, and not where NO_COLOR is set (no-color.org). */
export function useColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

const CODES: Readonly<Record<Severity, string>> = { error: "31", warning: "33", info: "36" };

/** A severity, or a text in the colour of one. */
export function colored(severity: Severity, text: string, color: boolean): string {
  return color ? `\u001b[${CODES[severity]}m${text}\u001b[0m` : text;
}

/** Text in bold. */
export function bold(text: string, color: boolean): string {
  return color ? `\u001b[1m${text}\u001b[22m` : text;
}
