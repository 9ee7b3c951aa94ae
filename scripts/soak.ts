/**
 * npm run soak                                 two million connections through one proxy: does anything grow?
 * npm run soak -- --connections 100000         fewer
 * npm run soak -- --kinds mtls,reloads         only these, in turn: which of them makes it grow?
 *
 * Batches of plain, mutual TLS, resumed and refused connections, hostile bytes and new certificates, with a reload after
 * each. After a batch, once nothing is connected, memory, descriptors and what is left are sampled; after each cycle garbage
 * is collected, and what is still held is counted by type. The last lines state the trend; the exit code is 1 when something
 * grows. Needs Linux, root (a network namespace of its own, so that ports do not run out) and cargo.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openScope, type Scope } from "../test/cluster/scope.ts";
import { until } from "../test/cluster/until.ts";
import type { TestProxy } from "../test/proxy/harness.ts";
import { Batches, CYCLE, type Kind, startSoaked } from "../test/proxy/soak/batches.ts";
import { buildGenerator } from "../test/proxy/soak/generator.ts";
import { faultsOf, type Sample } from "../test/proxy/soak/growth.ts";
import { askHeld } from "../test/proxy/soak/held.ts";
import { line, summary } from "../test/proxy/soak/report.ts";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "2000000" },
    /** Of one batch. */
    seconds: { type: "string", default: "5" },
    /** Of {@link CYCLE}. @default all */
    kinds: { type: "string" },
    /** The run ends then, and says how far it came. */
    "max-minutes": { type: "string", default: "60" },
  },
});
const wanted = Number(values.connections);
const only = values.kinds?.split(",");
const cycle = CYCLE.filter((kind) => only?.includes(kind) ?? true);
const stranger = only?.find((kind) => !cycle.some((known) => known === kind));
if (stranger !== undefined) {
  console.error(`--kinds: there is no "${stranger}"; there are ${[...new Set(CYCLE)].join(", ")}`);
  process.exit(2);
}
/** A run that is judged by its thirds needs collections in all of them. */
const MIN_CYCLES = 6;
const generator = buildGenerator();

if (process.env["SOAK_NAMESPACE"] !== "1") {
  const script = 'ip link set lo up && echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"';
  const inner = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const env = { ...process.env, SOAK_NAMESPACE: "1", BENCH_GENERATOR: generator };
  const { status } = spawnSync("unshare", ["-n", "sh", "-c", script, "sh", ...inner], {
    stdio: "inherit",
    env,
  });
  process.exit(status ?? 1);
}

function metric(metrics: string, name: string): number {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

function left(metrics: string): Record<string, number> {
  return {
    "live connections": metric(metrics, "portreeve_connections_live"),
    "pending handshakes": metric(metrics, "portreeve_handshakes_pending"),
    deadlines: metric(metrics, "portreeve_deadlines"),
    "lost records": metric(metrics, "portreeve_audit_lost_total"),
  };
}

async function sample(proxy: TestProxy): Promise<Sample> {
  // What does not come to rest is not waited for: it is what the run is judged by.
  const metrics = await until("nothing to be connected", 30, async () => {
    const text = await proxy.metrics();
    return Object.values(left(text)).every((count) => count === 0) && text;
  }).catch(() => proxy.metrics());
  const { pid } = proxy.running;
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return {
    connections: metric(metrics, "portreeve_connections_total"),
    memory: Number(resident) * 1_024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    left: left(metrics),
  };
}

async function main(scope: Scope): Promise<number> {
  const heldFile = join(scope.dir, "held.json");
  const proxy = await startSoaked(scope, heldFile);
  const batches = new Batches(proxy, generator, Number(values.seconds));
  const begun = performance.now();
  const minutes = () => (performance.now() - begun) / 60_000;
  const samples: Sample[] = [];
  const asked: Partial<Record<Kind, number>> = {};
  const isOver = () => minutes() > Number(values["max-minutes"]);
  const isDone = (cycles: number) => cycles >= MIN_CYCLES && (samples.at(-1)?.connections ?? 0) >= wanted;
  for (let cycles = 0; !isDone(cycles) && !isOver(); cycles++) {
    for (const [index, kind] of cycle.entries()) {
      asked[kind] = (asked[kind] ?? 0) + (await batches.run(kind));
      await batches.reload();
      const taken = await sample(proxy);
      const isLast = index === cycle.length - 1;
      const held = isLast && (await askHeld(proxy.running.pid, heldFile, () => proxy.metrics()));
      samples.push(held ? { ...taken, held } : taken);
      console.log(`${minutes().toFixed(1)} min, ${kind}: ${line(taken, held || undefined)}`);
    }
  }
  const total = samples.at(-1)?.connections ?? 0;
  const faults = faultsOf(samples);
  if (total < wanted) faults.push(`${total} connections of ${wanted} in ${values["max-minutes"]} minutes`);
  console.log(
    `\n${total} connections in ${minutes().toFixed(1)} minutes: ${JSON.stringify(asked)}; ${batches.reloads} reloads`,
  );
  console.log(summary(samples));
  console.log(
    faults.length === 0
      ? "passed: nothing grows"
      : `FAILED\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
  );
  return faults.length === 0 ? 0 : 1;
}

const scope = await openScope("soak");
try {
  process.exitCode = await main(scope);
} finally {
  await scope.stop();
}
