import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CliError } from "../../exit.ts";
import type { Variables } from "./environment.ts";

const FORWARDED = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** Keys of a terminal send these to every process in front of it, the client included: once is what was meant. */
const FROM_TERMINAL: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGQUIT"]);

/**
 * Runs a client in the foreground, with this process's terminal.
 *
 * @returns its exit code; 128 and the signal's number when one ended it, as shells have it
 * @throws CliError when it cannot be started
 */
export async function runClient(command: readonly string[], variables: Variables): Promise<number> {
  const [program = "", ...args] = command;
  const env = { ...process.env, ...variables };
  const child = spawn(program, args, { stdio: "inherit", env });
  const terminal = process.stdin.isTTY === true;
  const forward = (signal: NodeJS.Signals): void => {
    if (!(terminal && FROM_TERMINAL.has(signal))) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise<number>((done, failed) => {
      child.once("error", (cause) =>
        failed(
          new CliError(`connect: ${program} cannot be run: ${whyNot(program, cause)}`, undefined, { cause }),
        ),
      );
      child.once("exit", (code, signal) => done(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

function whyNot(program: string, cause: Error): string {
  if (!("code" in cause)) return cause.message;
  if (cause.code === "ENOENT")
    return program.includes("/") ? "there is no such file" : "no such command is on PATH";
  return cause.code === "EACCES" ? "it may not be executed" : cause.message;
}

/** Resolves at Ctrl-C, or when somebody else ends this process. */
export function untilEnded(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => done());
  });
}
