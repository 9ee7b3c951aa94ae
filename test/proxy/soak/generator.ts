/** The benchmark's load generator, with its backend inside, for a time that is given. */
import { execFileSync, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";

const result = z.object({ ops: z.number(), errs: z.number(), resumed: z.number() });

/** Builds it where the benchmark does, so that it is built once; needs cargo. Another build is named by `BENCH_GENERATOR`. */
export function buildGenerator(): string {
  const made = process.env["BENCH_GENERATOR"];
  if (made) return made;
  const target = join(tmpdir(), "portreeve-bench-generator");
  execFileSync("cargo", ["build", "--release", "--quiet", "--target-dir", target], {
    cwd: join(import.meta.dirname, "../../../bench/proxy/generator"),
    stdio: "inherit",
  });
  return join(target, "release/generator");
}

export interface Load {
  readonly port: number;
  readonly backend: number;
  readonly seconds: number;
  readonly tls: boolean;
  readonly resume: boolean;
  /** At a time. */
  readonly connections: number;
  /** Folder with `client.pem` and `client.key`. */
  readonly certificates: string;
}

/** Connects, sends, awaits the echo and closes, again and again. Resolves with how often it succeeded and failed. */
export async function generate(
  generator: string,
  load: Load,
): Promise<{ succeeded: number; failed: number; resumed: number }> {
  const args = [
    "mode=conn",
    `target=127.0.0.1:${load.port}`,
    `backend=127.0.0.1:${load.backend}`,
    `certs=${load.certificates}`,
    `tls=${load.tls ? 1 : 0}`,
    `resume=${load.resume ? 1 : 0}`,
    `conns=${load.connections}`,
    `dur=${load.seconds}`,
    "warm=0",
  ];
  const child = spawn(generator, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let complaint = "";
  child.stdout.on("data", (data) => {
    output += String(data);
  });
  child.stderr.on("data", (data) => {
    complaint += String(data);
  });
  await new Promise<void>((done, failed) => {
    child.once("error", failed);
    child.once("close", () => done());
  });
  try {
    const { ops, errs, resumed } = result.parse(JSON.parse(output));
    return { succeeded: ops, failed: errs, resumed };
  } catch (cause) {
    throw new Error(`the generator gave no result: ${complaint.slice(-300)}`, { cause });
  }
}
