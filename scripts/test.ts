/**
 * npm test                              everything: prints its plan, makes the parts that are missing, then lint, types,
 *                                       quick tests and tests on real parts
 * npm test -- --only <part of a path>   only the tests whose file path contains it (may be given more than once)
 *
 * The last line is `N passed, N failed`; the exit code is 1 when anything failed. With CI=true a skipped test is a failed one.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { format } from "../test/toolchain/duration.ts";
import { PartMissing, part, plan, wantedNames } from "../test/toolchain/parts.ts";
import { summary, table } from "../test/toolchain/table.ts";
import { add, type Count, countReport } from "./test/vitest-report.ts";

const repository = join(import.meta.dirname, "..");
const bin = (name: string): string => join(repository, "node_modules/.bin", name);
const skippedFails = process.env.CI === "true";

/** A run that hangs must end in a failure, and CI's own limit would end it without a word. */
const LIMIT_MINUTES = { quick: 15, parts: 45, rustls: 15 };

const { values } = parseArgs({ options: { only: { type: "string", multiple: true, default: [] } } });

function execute(command: string, args: readonly string[], minutes = 10): Promise<number> {
  const child = spawn(command, args, { cwd: repository, stdio: ["ignore", "inherit", "inherit"] });
  const limit = setTimeout(() => {
    console.error(`\n${args.join(" ")}: ended after ${minutes} minutes without a result`);
    child.kill("SIGKILL");
  }, minutes * 60_000);
  return new Promise((resolve) => {
    child.once("error", (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once("exit", (code) => {
      clearTimeout(limit);
      resolve(code ?? 1);
    });
  });
}

/** One command as one check. */
async function check(what: string, command: string, args: readonly string[]): Promise<Count> {
  console.log(`\n== ${what}`);
  const code = await execute(command, args);
  return code === 0 ? { passed: 1, failed: 0, failures: [] } : { passed: 0, failed: 1, failures: [what] };
}

async function tests(project: keyof typeof LIMIT_MINUTES): Promise<Count> {
  console.log(`\n== tests: ${project}`);
  const dir = mkdtempSync(join(tmpdir(), "portreeve-report-"));
  try {
    const report = join(dir, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const filter = values.only.length > 0 ? [...values.only, "--passWithNoTests"] : [];
    const code = await execute(
      process.execPath,
      [bin("vitest"), "run", "--project", project, ...reporters, ...filter],
      LIMIT_MINUTES[project],
    );
    return countReport(report, code, { skippedFails });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Makes what is missing; what cannot be had fails the tests that need it, each with the reason. */
async function makeParts(): Promise<void> {
  for (const name of wantedNames) {
    try {
      await part(name);
    } catch (error) {
      if (!(error instanceof PartMissing)) throw error;
      console.error(`${error.message}\n  (the tests that need ${name} will fail)`);
    }
  }
}

async function main(): Promise<number> {
  const begun = Date.now();
  const planned = plan(wantedNames);
  console.log(
    `Plan, on ${availableParallelism()} cores: real parts, lint, types, quick tests, tests on real parts\n`,
  );
  console.log(`${table(planned)}\n\n${summary(planned)}\n`);
  if (process.env["PORTREEVE_KEYCLOAK"] !== "1")
    console.log("left out: tests against Keycloak (PORTREEVE_KEYCLOAK=1 runs them)\n");
  let total: Count = { passed: 0, failed: 0, failures: [] };
  if (values.only.length === 0) {
    await makeParts();
    total = add(total, await check("lint (biome check)", bin("biome"), ["check", "."]));
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    total = add(
      total,
      await check("types (tsc)", process.execPath, [tsc, "--noEmit", "-p", "tsconfig.json"]),
    );
  }
  total = add(total, await tests("quick"));
  total = add(total, await tests("parts"));
  total = add(total, await tests("rustls"));
  console.log(`\n== result after ${format((Date.now() - begun) / 1000)}`);
  for (const failure of total.failures) console.log(`FAILED ${failure.replace(`${repository}/`, "")}`);
  if (total.passed + total.failed === 0) {
    console.log(`no test's path contains ${values.only.join(" or ")}`);
    total = { ...total, failed: 1 };
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
