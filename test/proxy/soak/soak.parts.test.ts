/** That the soak test itself runs and judges. A short run shows no small leak: `npm run soak` is the long one. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { isRoot, onPath } from "../../toolchain/machine.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../../../scripts/soak.ts");

/** The load generator is made with cargo, unless one is named; the namespace needs root. */
const possible = isRoot && (onPath("cargo") !== undefined || process.env["BENCH_GENERATOR"] !== undefined);

describe.skipIf(!possible)("npm run soak (needs root, and cargo or BENCH_GENERATOR)", () => {
  test("twenty thousand connections leave nothing behind", { timeout: 240_000 }, async () => {
    const args = [script, "--connections", "20000", "--seconds", "1", "--max-minutes", "3"];
    const { stdout } = await run(process.execPath, args, { maxBuffer: 10_000_000 });
    for (const kind of ["reloads", "plain", "mtls", "resumed", "refused"])
      expect(stdout).toMatch(new RegExp(`min, ${kind}: \\d+`));
    const held = /held: [0-9.]+ MB, heap [0-9.]+ MB and [0-9.]+ MB outside, \d+ objects/g;
    expect([...stdout.matchAll(held)].length).toBeGreaterThanOrEqual(6);
    expect(stdout).toContain("passed: nothing grows");
  });

  test("a kind that there is not is told, with those that there are", async () => {
    const failed: unknown = await run(process.execPath, [script, "--kinds", "mtls,udp"]).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no "udp"') });
  });

  test("a run that does not come as far as it should has failed", { timeout: 240_000 }, async () => {
    const args = [script, "--connections", "1000000000", "--seconds", "1", "--max-minutes", "0.5"];
    const failed: unknown = await run(process.execPath, args, { maxBuffer: 10_000_000 }).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("connections of 1000000000 in 0.5 minutes"),
    });
  });
});
