import { spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../exit.ts";

const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Runs the proxy under Bun with this process's output, and passes signals on. Resolves with its exit code. */
export async function runProxy(bun: string, configFile: string, flags: readonly string[]): Promise<number> {
  // From source this is a .ts file and so is the proxy; compiled, both are .js.
  const extension = extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`../../proxy-image/main${extension}`, import.meta.url));
  const child = spawn(bun, [main, configFile, ...flags], { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise<number>((done, failed) => {
      child.once("error", (cause) =>
        failed(new CliError(`proxy: Bun at ${bun} cannot be run: ${cause.message}`)),
      );
      child.once("exit", (code, signal) => done(code ?? (signal === null ? 2 : 1)));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
