/**
 * npm run bench:policy [-- SIZE…]   load, resolve, compile, lint and decide estates of 100, 1,000 and 10,000 services with ten
 *                                   grants each: time and peak memory, and how they grow with the size
 *
 * Every size runs in a process of its own. The growth exponent is the slope between the two largest sizes: 1 is linear.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { type Estate, writeEstate } from "./estate.ts";
import type { Measured } from "./measure.ts";

const GRANTS_EACH = 10;
const STEPS = ["load", "resolve", "compile", "lint", "decide", "peak"] as const;
const UNITS: Readonly<Record<(typeof STEPS)[number], string>> = {
  load: "ms",
  resolve: "ms",
  compile: "ms",
  lint: "ms",
  decide: "µs each",
  peak: "MiB",
};

const written = process.argv.slice(2).map(Number);
if (written.some((size) => !Number.isInteger(size) || size < 10)) {
  console.error("usage: npm run bench:policy [-- SIZE…], each at least 10");
  process.exit(2);
}
const sizes = written.length > 0 ? written : [100, 1_000, 10_000];
const root = mkdtempSync(join(tmpdir(), "portreeve-bench-"));
const results: { estate: Estate; measured: Measured }[] = [];
try {
  for (const size of sizes) {
    const folder = join(root, String(size));
    const estate = writeEstate(folder, size, GRANTS_EACH);
    console.error(`${size} services: ${estate.documents} documents, ${(estate.bytes / 1e6).toFixed(1)} MB …`);
    const script = join(import.meta.dirname, "measure.ts");
    const args = ["--max-old-space-size=8192", script, folder, String(size)];
    const output = execFileSync(process.execPath, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    results.push({ estate, measured: JSON.parse(output) as Measured });
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}

console.log(`CPU time; node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}\n`);
console.log(`| | ${sizes.map((size) => `${size} services`).join(" | ")} | growth |`);
console.log(`|---|${sizes.map(() => "---:|").join("")}---:|`);
for (const step of STEPS) {
  const values = results.map(({ measured }) => measured[step]);
  const shown = values.map((value) => (value < 100 ? value.toPrecision(3) : value.toFixed(0)));
  console.log(`| ${step} (${UNITS[step]}) | ${shown.join(" | ")} | ${growth(values)} |`);
}
for (const what of ["targets", "findings"] as const) {
  console.log(`| ${what} | ${results.map(({ measured }) => measured[what]).join(" | ")} | |`);
}

/** The exponent k of size^k between the two largest sizes. */
function growth(values: readonly number[]): string {
  const [a, b] = [values.at(-2), values.at(-1)];
  const [m, n] = [sizes.at(-2), sizes.at(-1)];
  if (a === undefined || b === undefined || m === undefined || n === undefined) return "–";
  return (Math.log(b / a) / Math.log(n / m)).toFixed(2);
}
