import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Builds the load generator and says where it is; `BENCH_GENERATOR` names one that is built already. */
export function buildGenerator(): string {
  const made = process.env["BENCH_GENERATOR"];
  if (made) return made;
  const target = join(tmpdir(), "portreeve-bench-generator");
  execFileSync("cargo", ["build", "--release", "--quiet", "--target-dir", target], {
    cwd: join(import.meta.dirname, "generator"),
    stdio: "inherit",
  });
  return join(target, "release/generator");
}
