/**
 * npm run soak                                 two million connections through one proxy: does anything grow?
 * npm run soak -- --connections 100000         fewer
 *
 * Batches of plain, mutual TLS, resumed and refused connections and hostile bytes, with a reload after each and a new
 * certificate now and then. After a batch, once nothing is connected, memory, descriptors and what is left are sampled. The
 * last lines state the trend; the exit code is 1 when something grows. Needs Linux, root (a network namespace of its own, so
 * that ports do not run out) and cargo.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLeaf } from "../proxy-image/dev/certificates.ts";
import { openScope, type Scope } from "../test/cluster/scope.ts";
import { until } from "../test/cluster/until.ts";
import { API, OTHER, startProxy, type TestProxy } from "../test/proxy/harness.ts";
import { hostileInput, random } from "../test/proxy/hostile-corpus.ts";
import { buildGenerator, generate } from "../test/proxy/soak/generator.ts";
import { faultsOf, growthOf, type Sample } from "../test/proxy/soak/growth.ts";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "2000000" },
    /** Of one batch. */
    seconds: { type: "string", default: "5" },
    /** The run ends then, and says how far it came. */
    "max-minutes": { type: "string", default: "60" },
  },
});
const wanted = Number(values.connections);
const seconds = Number(values.seconds);
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

const PORTS = { mtls: 20_001, plain: 20_002, refused: 20_003, backend: 20_004 };
const KINDS = ["plain", "mtls", "plain", "resumed", "plain", "refused"] as const;
type Kind = (typeof KINDS)[number];
const HOSTILE = 300;
/** Each kind three times: a run that is judged by its thirds needs samples in all of them. */
const MIN_ROUNDS = 3 * KINDS.length;

async function start(scope: Scope): Promise<TestProxy> {
  const proxy = await startProxy(scope, {
    listeners: [
      { name: "mtls", mode: "mtls", bind: "127.0.0.1", port: PORTS.mtls, service: "echo" },
      { name: "plain", mode: "plaintext-loopback", port: PORTS.plain, service: "echo" },
      { name: "refused", mode: "mtls", bind: "127.0.0.1", port: PORTS.refused, service: "other" },
    ],
    services: ["echo", "other"].map((name) => ({
      name,
      ports: [{ port: 7 }],
      endpoints: [{ host: "127.0.0.1", port: PORTS.backend }],
    })),
    rules: [
      { id: "api", action: "allow", service: "echo", subjects: { workloads: [API] } },
      { id: "loopback", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.0/8"] } },
      { id: "other", action: "allow", service: "other", subjects: { workloads: [OTHER] } },
    ],
    limits: { handshakeTimeout: "2s" },
  });
  const client = proxy.client(API);
  writeFileSync(join(scope.dir, "client.pem"), client.cert);
  writeFileSync(join(scope.dir, "client.key"), client.key);
  return proxy;
}

/** Resolves with how many connections it asked for that it knows of; the proxy's own count is what is reported. */
async function batch(kind: Kind, scope: Scope): Promise<number> {
  const common = { backend: PORTS.backend, seconds, certificates: scope.dir };
  switch (kind) {
    case "plain":
      return served(
        await generate(generator, {
          ...common,
          port: PORTS.plain,
          tls: false,
          resume: false,
          connections: 64,
        }),
      );
    case "mtls":
      return served(
        await generate(generator, { ...common, port: PORTS.mtls, tls: true, resume: false, connections: 32 }),
      );
    case "resumed": {
      const load = await generate(generator, {
        ...common,
        port: PORTS.mtls,
        tls: true,
        resume: true,
        connections: 32,
      });
      if (load.resumed === 0) throw new Error("no session was resumed");
      return served(load);
    }
    case "refused":
      return strangers();
  }
}

/** One in a thousand may fail: those under way when the generator ends. */
function served({ succeeded, failed }: { succeeded: number; failed: number }): number {
  if (succeeded === 0 || failed > succeeded / 1_000)
    throw new Error(`${failed} failed, and ${succeeded} did not`);
  return succeeded;
}

let seed = 0;

/** Bytes that no port speaks, to each port. */
async function strangers(): Promise<number> {
  const next = random(++seed);
  const lanes = Array.from({ length: 20 }, async () => {
    for (let index = 0; index < HOSTILE / 20; index++) {
      const { bytes } = hostileInput(next);
      const port = next(2) === 0 ? PORTS.mtls : PORTS.refused;
      await new Promise<void>((done) => {
        const socket = connect({ host: "127.0.0.1", port }, () => socket.end(bytes));
        socket.on("error", () => {});
        socket.on("end", () => socket.destroy());
        socket.once("close", () => done());
        socket.resume();
      });
    }
  });
  await Promise.all(lanes);
  return HOSTILE;
}

function metric(metrics: string, name: string): number {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

async function sample(proxy: TestProxy): Promise<Sample> {
  const left = (metrics: string) => ({
    "live connections": metric(metrics, "portreeve_connections_live"),
    "pending handshakes": metric(metrics, "portreeve_handshakes_pending"),
    deadlines: metric(metrics, "portreeve_deadlines"),
    "lost records": metric(metrics, "portreeve_audit_lost_total"),
  });
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

async function reload(proxy: TestProxy, round: number): Promise<void> {
  if (round % 6 === 5) {
    const own = createLeaf("proxy", proxy.ca, {
      uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
      dnsNames: ["localhost"],
    });
    writeFileSync(join(proxy.dir, "proxy.key.pem"), own.key);
    writeFileSync(join(proxy.dir, "proxy.cert.pem"), own.cert);
  }
  const { result, error } = await proxy.reconfigure((config) => ({
    ...config,
    policy: { digest: `soak-${round}` },
  }));
  if (result !== "applied") throw new Error(`the reload was ${result}: ${error}`);
}

function line({ connections, memory, descriptors, left }: Sample): string {
  const rest = Object.entries(left).map(([what, count]) => `${count} ${what}`);
  return `${connections} connections: ${(memory / 1e6).toFixed(1)} MB, ${descriptors} descriptors, ${rest.join(", ")}`;
}

async function main(scope: Scope): Promise<number> {
  const proxy = await start(scope);
  const begun = performance.now();
  const minutes = () => (performance.now() - begun) / 60_000;
  const samples: Sample[] = [];
  const asked = { plain: 0, mtls: 0, resumed: 0, refused: 0 };
  for (let round = 0; round < MIN_ROUNDS || (samples.at(-1)?.connections ?? 0) < wanted; round++) {
    if (minutes() > Number(values["max-minutes"])) break;
    const kind = KINDS[round % KINDS.length] ?? "plain";
    asked[kind] += await batch(kind, scope);
    await reload(proxy, round);
    const taken = await sample(proxy);
    samples.push(taken);
    console.log(`${minutes().toFixed(1)} min, ${kind}: ${line(taken)}`);
  }
  const total = samples.at(-1)?.connections ?? 0;
  const faults = faultsOf(samples);
  if (total < wanted) faults.push(`${total} connections of ${wanted} in ${values["max-minutes"]} minutes`);
  const { bytes, connections } = growthOf(samples);
  console.log(
    `\n${total} connections in ${minutes().toFixed(1)} minutes: ${JSON.stringify(asked)}; ${samples.length} reloads`,
  );
  console.log(
    `lowest memory of the last third against the middle: ${(bytes / 1e6).toFixed(1)} MB over ${connections} connections, ${(bytes / connections).toFixed(1)} bytes each`,
  );
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
