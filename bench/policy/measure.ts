/**
 * Measures one estate in a process of its own, so that peak memory is that of this size alone; prints one line of JSON.
 * Usage: node bench/policy/measure.ts FOLDER SERVICES
 */
import { compileAll } from "../../policy/compile/index.ts";
import { decide } from "../../policy/decide/index.ts";
import { lint } from "../../policy/lint/index.ts";
import { loadDocuments } from "../../policy/load/index.ts";
import { resolve } from "../../policy/model/resolve.ts";
import { namespaceOf } from "./estate.ts";

/**
 * Steps timed, in milliseconds; `decide` in microseconds a verdict. It is the time of the process's own processors (garbage
 * collection included), not of the clock on the wall: a busy machine would measure its other work.
 */
export interface Measured {
  readonly load: number;
  readonly resolve: number;
  readonly compile: number;
  readonly lint: number;
  readonly decide: number;
  /** Largest resident size of the process, MiB. */
  readonly peak: number;
  readonly targets: number;
  readonly findings: number;
}

const DECISIONS = 200_000;
const NOW = Date.parse("2026-01-01");

export function measure(folder: string, services: number): Measured {
  const lap = stopwatch();
  const { documents, findings } = loadDocuments({ paths: [folder] });
  if (findings.length > 0) throw new Error(`the estate has findings: ${findings[0]?.message}`);
  const load = lap();
  const model = resolve(documents);
  const resolved = lap();
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const all = compileAll({ model, cluster });
  const compile = lap();
  const found = lint(model, { now: NOW, sources: documents, compiled: all.findings });
  const linted = lap();
  let allowed = 0;
  for (let index = 0; index < DECISIONS; index++) {
    const to = (index * 7919) % services;
    const from = index % 2 === 0 ? (to + 1) % services : (to + 2) % services;
    const workload = `spiffe://prod.example.com/ns/${namespaceOf(from)}/sa/workload-${from}`;
    const via = to % 3 === 0 ? "proxy" : "mesh";
    const connection = { via, service: `service-${to}`, port: 5432, principal: { workload } } as const;
    if (decide(model.table, connection, NOW).verdict === "allow") allowed++;
  }
  const decided = lap();
  // One in two was granted: a table that denies all would be quick and wrong.
  if (Math.abs(allowed - DECISIONS / 2) > DECISIONS / 10)
    throw new Error(`${allowed} of ${DECISIONS} allowed`);
  return {
    load,
    resolve: resolved,
    compile,
    lint: linted,
    decide: (decided * 1_000) / DECISIONS,
    peak: process.resourceUsage().maxRSS / 1024,
    targets: all.istio.targets.length + all.kubernetes.targets.length + all.aws.targets.length,
    findings: found.length,
  };
}

function stopwatch(): () => number {
  let start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    start = process.cpuUsage();
    return (user + system) / 1_000;
  };
}

const [, , folder, services] = process.argv;
if (folder !== undefined) console.log(JSON.stringify(measure(folder, Number(services))));
