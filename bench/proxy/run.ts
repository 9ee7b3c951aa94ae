/**
 * `npm run bench`: the proxy beside its peers, in one run, on one core each, with the generator and the backend on another.
 *
 *   node bench/proxy/run.ts [--rounds 5] [--seconds 1.5] [--only portreeve,envoy] [--write]
 *
 * Needs Linux with two cores, cargo, and root for a network namespace of its own (so that ports do not run out and
 * nothing else is disturbed). Peers that are not installed are left out: `ENVOY` and `GHOSTUNNEL` name their binaries,
 * HAProxy and nginx come from PATH.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { formatTable, type Measurement, ROWS, type Row } from "./measurements.ts";
import { findPeers, type Peer } from "./peers.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1.5" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

if (process.env["BENCH_NAMESPACE"] !== "1") {
  const script = 'ip link set lo up && echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"';
  const inner = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const { status } = spawnSync("unshare", ["-n", "sh", "-c", script, "sh", ...inner], {
    stdio: "inherit",
    // Built out here: the namespace has no network but its own.
    env: { ...process.env, BENCH_NAMESPACE: "1", BENCH_GENERATOR: buildGenerator() },
  });
  process.exit(status ?? 1);
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const dir = mkdtempSync(join(tmpdir(), "portreeve-bench-"));
for (const name of ["certs", "run", "logs"]) mkdirSync(join(dir, name));
writeCertificates();
const generator = buildGenerator();
const only = values.only?.split(",");
const peers = findPeers(dir, say).filter(({ name }) => !only || only.includes(name));
const running = new Map<string, ChildProcess>();
const loadBefore = loadavg()[0] ?? 0;
try {
  const results = await measureAll(Number(values.rounds), Number(values.seconds));
  const table = formatTable(
    results,
    peers.map(({ name }) => name),
  );
  process.stdout.write(table);
  if (values.write) writeResults(table);
} finally {
  for (const child of running.values()) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
}

async function measureAll(rounds: number, seconds: number): Promise<Map<Row, Map<string, number[]>>> {
  const results = new Map(ROWS.map((row) => [row, new Map<string, number[]>()]));
  const sets = new Map(
    ROWS.map((row) => [row.args.join(" "), ROWS.filter(({ args }) => args.join(" ") === row.args.join(" "))]),
  );
  for (const peer of peers) await start(peer);
  for (let round = 0; round < rounds; round++) {
    for (const [args, rows] of sets) {
      // Interleaved, A B C A B C: what disturbs the machine for a while disturbs all of them.
      for (const peer of peers) {
        const [row] = rows;
        if (!row || (row.tls ? peer.tlsPort : peer.plainPort) === undefined) continue;
        if (row.fresh) await start(peer);
        const one = measure(peer, row.tls, args.split(" "), seconds);
        if (!one) continue;
        for (const target of rows) {
          const list = results.get(target)?.get(peer.name) ?? [];
          list.push(target.value(one));
          results.get(target)?.set(peer.name, list);
        }
      }
    }
    say(`round ${round + 1} of ${rounds} done`);
  }
  return results;
}

function measure(
  peer: Peer,
  tls: boolean,
  args: readonly string[],
  seconds: number,
): Measurement | undefined {
  const port = tls ? peer.tlsPort : peer.plainPort;
  const timing = args.some((arg) => arg.startsWith("dur=")) ? [] : [`dur=${seconds}`, `warm=${seconds / 3}`];
  const all = [
    `name=${peer.name}`,
    `target=127.0.0.1:${port}`,
    `pid=${pidsOf(peer)}`,
    `certs=${join(dir, "certs")}`,
    ...args,
    ...timing,
  ];
  const result = spawnSync("taskset", ["-c", "1", generator, ...all], { encoding: "utf8", timeout: 90_000 });
  try {
    const one = JSON.parse(result.stdout.trim()) as Measurement;
    if (one.errs > 0) say(`${peer.name} ${args.join(" ")}: ${one.errs} errors`);
    return one;
  } catch {
    say(`${peer.name} ${args.join(" ")}: no result: ${result.stderr.slice(-300)}`);
    return undefined;
  }
}

/** The process and its children: nginx works in a child. */
function pidsOf(peer: Peer): string {
  const pid = running.get(peer.name)?.pid ?? 0;
  const children = spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
    .stdout.trim()
    .split("\n")
    .filter(Boolean);
  return [pid, ...children].join(",");
}

async function start(peer: Peer): Promise<void> {
  const old = running.get(peer.name);
  if (old) {
    const gone = new Promise((done) => old.once("exit", done));
    old.kill("SIGTERM");
    const timer = setTimeout(() => old.kill("SIGKILL"), 2_000);
    await gone;
    clearTimeout(timer);
  }
  const [command = "", ...args] = peer.command;
  const child = spawn("taskset", ["-c", "0", command, ...args], { stdio: "ignore" });
  running.set(peer.name, child);
  const port = peer.plainPort ?? peer.tlsPort ?? 0;
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await accepts(port)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${peer.name} does not listen on ${port}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

function writeCertificates(): void {
  const ca = createAuthority("bench CA");
  const certs = join(dir, "certs");
  writeFileSync(join(certs, "ca.pem"), ca.cert);
  for (const name of ["server", "client"]) {
    const leaf = createLeaf(name, ca, {
      uris: [`spiffe://perf.test/ns/default/sa/${name}`],
      dnsNames: ["localhost"],
    });
    writeFileSync(join(certs, `${name}.pem`), leaf.cert);
    writeFileSync(join(certs, `${name}.key`), leaf.key);
    writeFileSync(join(certs, `${name}-bundle.pem`), leaf.cert + leaf.key);
  }
}

function buildGenerator(): string {
  const made = process.env["BENCH_GENERATOR"];
  if (made) return made;
  const target = join(tmpdir(), "portreeve-bench-generator");
  execFileSync("cargo", ["build", "--release", "--quiet", "--target-dir", target], {
    cwd: join(import.meta.dirname, "generator"),
    stdio: "inherit",
  });
  return join(target, "release/generator");
}

function writeResults(table: string): void {
  const model = cpus()[0]?.model ?? "unknown";
  const kernel = readFileSync("/proc/version", "utf8").split(" ").slice(0, 3).join(" ");
  const versions = peers.map(({ name, version }) => `${name} ${version}`).join(", ");
  const text = `# Proxy benchmark

\`npm run bench\` made this file: ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, ${kernel}.
${versions}. TLS 1.3, P-256, one core for the proxy, another for generator and backend; medians of ${values.rounds} interleaved
rounds of ${values.seconds} s (lowest–highest). Portreeve ran with all of its features, records to a file included.
The last column is Portreeve against the best peer of the row: above 1 it is ahead.

Load average before the run: ${loadBefore.toFixed(1)} on ${cpus().length} cores; 0 would be a quiet machine.

${table}`;
  writeFileSync(join(import.meta.dirname, "../RESULTS.md"), text);
}
