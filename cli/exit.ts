/**
 * Exit codes of every subcommand: 0 done and nothing found, 1 done and something was found (a denied connection,
 * a lint finding, a difference), 2 could not run (bad arguments, unreadable or invalid input).
 */
export const EXIT = { ok: 0, found: 1, failed: 2 } as const;

/** A failure that is told to the user as its message alone, without a stack trace. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}
