/** Runs one command to its end, keeping what it prints for the error message. */
import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** Called with every line printed. */
  readonly onLine?: (line: string) => void;
}

const KEPT = 40;

/** Resolves with what was printed on stdout; rejects with the last lines of both streams. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.uid !== undefined && { uid: options.uid }),
    ...(options.gid !== undefined && { gid: options.gid }),
  });
  const stdout: string[] = [];
  const tail: string[] = [];
  const watch = (stream: NodeJS.ReadableStream, keep?: string[]) => {
    let rest = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      keep?.push(chunk);
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        tail.push(line);
        if (tail.length > KEPT) tail.shift();
        options.onLine?.(line);
      }
    });
    return () => {
      if (rest !== "") tail.push(rest);
    };
  };
  const flush = [watch(child.stdout, stdout), watch(child.stderr)];
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  for (const f of flush) f();
  if (code !== 0) throw new Error(`\`${command} ${args.join(" ")}\` ended with ${code}:\n${tail.join("\n")}`);
  return stdout.join("");
}
