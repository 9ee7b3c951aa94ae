import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Peer } from "./peers.ts";

/** How the run was made. */
interface Run {
  readonly rounds: string;
  /** Of each measurement. */
  readonly seconds: string;
  /** Of each kind of connection, before the first measurement. */
  readonly warm: string;
  /** Load average before the run. */
  readonly load: number;
}

/** Writes `bench/RESULTS.md`: the table, and on what and how it was measured. */
export function writeResults(table: string, peers: readonly Peer[], run: Run): void {
  const model = cpus()[0]?.model ?? "unknown";
  const kernel = readFileSync("/proc/version", "utf8").split(" ").slice(0, 3).join(" ");
  const versions = peers.map(({ name, version }) => `${name} ${version}`).join(", ");
  const text = `# Proxy benchmark

\`npm run bench\` made this file: ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, ${kernel}.
${versions}. TLS 1.3, P-256, one core for the proxy, another for generator and backend; medians of ${run.rounds} interleaved
rounds of ${run.seconds} s (lowest–highest), after ${run.warm} s of each kind of connection with every peer. Portreeve ran with all of
its features, records to a file included. The last column is Portreeve against the best peer of the row: above 1 it is ahead.

Load average before the run: ${run.load.toFixed(1)} on ${cpus().length} cores; 0 would be a quiet machine.

${table}`;
  writeFileSync(join(import.meta.dirname, "../RESULTS.md"), text);
}
