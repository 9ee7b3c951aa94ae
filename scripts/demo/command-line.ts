/**
 * A command shown as it is typed, with what it prints, and held to what it should have done: a demo that only prints would
 * show a failure as if it were the product.
 */
import type { Person, Result, Started } from "../../test/people/cli.ts";

/** What a step must come to. */
export interface Expected {
  /** @default 0 */
  readonly code?: number | "not 0";
  /** Each is found in what was printed, on either stream. */
  readonly says?: readonly RegExp[];
}

/** Runs `portreeve ARGS` to its end, prints both and checks. @throws when it came to something else */
export async function type(
  person: Person,
  args: readonly string[],
  expected: Expected = {},
): Promise<Result> {
  prompt(args);
  const result = await person.start(args).ended;
  printed(result);
  check(args, result, expected);
  return result;
}

/** Starts `portreeve ARGS` in the background. */
export function typeAndLeave(person: Person, args: readonly string[]): Started {
  prompt(args, " &");
  return person.start(args);
}

/** Waits for a command of the background, prints what it has to say and checks. */
export async function endOf(started: Started, args: readonly string[], expected: Expected): Promise<void> {
  const result = await started.ended;
  console.log(`[ended] ${commandText(args)}`);
  printed(result);
  check(args, result, expected);
}

/** The line that a user types. */
export function commandText(args: readonly string[]): string {
  return ["portreeve", ...args].map(quoted).join(" ");
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function prompt(args: readonly string[], end = ""): void {
  console.log(`$ ${commandText(args)}${end}`);
}

/** What a command printed, and how it ended when that is not 0. */
export function printed({ stdout, stderr, code, signal }: Result): void {
  // Questions and refusals come on stderr, and come first.
  for (const text of [stderr, stdout]) if (text !== "") console.log(text.trimEnd());
  if (code !== 0) console.log(`(exit code ${code ?? signal})`);
}

export function check(args: readonly string[], result: Result, { code = 0, says = [] }: Expected): void {
  const asExpected = code === "not 0" ? result.code !== 0 : result.code === code;
  const missing = says.filter((pattern) => !pattern.test(`${result.stdout}${result.stderr}`));
  if (asExpected && missing.length === 0) return;
  const ended = asExpected ? [] : [`exit code ${code}, but it was ${result.code ?? result.signal}`];
  throw new Error(
    `\`${commandText(args)}\` should have come to: ${[...ended, ...missing.map(String)].join("; ")}`,
  );
}
