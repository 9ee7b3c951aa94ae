import type { Command } from "commander";

/**
 * Adds one subcommand. Its action calls `exit` with a code of `EXIT` when that is not 0; it never calls
 * `process.exit`, so that output is always flushed. A failure is thrown as a `CliError` or `PolicyError`.
 */
export type Register = (program: Command, exit: (code: number) => void) => void;
