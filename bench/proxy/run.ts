/**
 * `npm run bench`: the proxy beside its peers, in one run, on one core each, with the generator and the backend on another.
 *
 *   node bench/proxy/run.ts [--rounds 5] [--seconds 1.5] [--warm 5] [--only portreeve,envoy]
 *     [--rows "plain conn"|workers] [--write]
 *
 * Needs Linux with two cores, cargo, and root for a network namespace of its own (so that ports do not run out and
 * nothing else is disturbed). Peers that are not installed are left out: `ENVOY` and `GHOSTUNNEL` name their binaries,
 * HAProxy and nginx come from PATH.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { part } from "../../test/toolchain/parts.ts";
import { buildGenerator } from "./build-generator.ts";
import { writeCertificates } from "./certificates.ts";
import { formatTable, type Measurement, median, ROWS, type Row } from "./measurements.ts";
import { findPeers, findWorkers, type Peer } from "./peers.ts";
import { writeResults } from "./write-results.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1.5" },
    warm: { type: "string", default: "5" },
    only: { type: "string" },
    rows: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

if (process.env["BENCH_NAMESPACE"] !== "1") {
  // The peers' own ports are reserved: a client's connection that lingers on one would keep a later peer from listening.
  const sysctl = "/proc/sys/net/ipv4";
  const script = `ip link set lo up && echo 7000-9999 > ${sysctl}/ip_local_reserved_ports && echo 1024 65535 > ${sysctl}/ip_local_port_range && exec "$@"`;
  const inner = [process.execPath, import.meta.filename, ...process.argv.slice(2)];
  // As the image has it; with PORTREEVE_RUSTLS=off, the runtime's TLS is measured.
  const rustls = process.env["PORTREEVE_RUSTLS"] ?? (await part("rustls")).path;
  const { status } = spawnSync("unshare", ["-n", "sh", "-c", script, "sh", ...inner], {
    stdio: "inherit",
    // Built out here: the namespace has no network but its own.
    env: {
      ...process.env,
      BENCH_NAMESPACE: "1",
      BENCH_GENERATOR: buildGenerator(),
      PORTREEVE_RUSTLS: rustls,
    },
  });
  process.exit(status ?? 1);
}

const say = (line: string) => process.stderr.write(`${line}\n`);
const dir = mkdtempSync(join(tmpdir(), "portreeve-bench-"));
for (const name of ["certs", "run", "logs"]) mkdirSync(join(dir, name));
writeCertificates(join(dir, "certs"));
const generator = buildGenerator();
const only = values.only?.split(",");
const wanted = ROWS.filter(({ title }) => !values.rows || title.includes(values.rows));
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
  const workers =
    !values.rows || values.rows === "workers"
      ? await measureWorkers(Number(values.rounds), Number(values.seconds))
      : "";
  process.stdout.write(`\n${workers}`);
  if (values.write) writeResults(`${table}\n${workers}`, peers, { ...values, load: loadBefore });
} finally {
  for (const child of running.values()) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
}

async function measureAll(rounds: number, seconds: number): Promise<Map<Row, Map<string, number[]>>> {
  const results = new Map(wanted.map((row) => [row, new Map<string, number[]>()]));
  const sets = new Map(
    wanted.map((row) => [
      row.args.join(" "),
      wanted.filter(({ args }) => args.join(" ") === row.args.join(" ")),
    ]),
  );
  for (const peer of peers) await start(peer);
  warmUp(Number(values.warm));
  // Memory needs a fresh process each time, and comes last: the other rows are of processes that have been running for a
  // while, as everybody's are; code that is compiled as it runs would otherwise be measured while it is compiled.
  for (const fresh of [false, true]) {
    for (let round = 0; round < rounds; round++) {
      for (const [args, rows] of sets) {
        const [row] = rows;
        if (!row || (row.fresh ?? false) !== fresh) continue;
        // Interleaved, A B C A B C: what disturbs the machine for a while disturbs all of them.
        for (const peer of peers) {
          if ((row.tls ? peer.tlsPort : peer.plainPort) === undefined) continue;
          if (fresh) await start(peer);
          const one = measure(peer, row.tls, args.split(" "), seconds);
          if (one) keep(results, rows, peer, one);
        }
      }
      say(`round ${round + 1} of ${rounds} done${fresh ? ", of memory" : ""}`);
    }
  }
  return results;
}

/**
 * Connections before the first round, the same for every peer. Code that is compiled as it runs takes some fifteen thousand
 * connections until the last of it is compiled, on the core that is measured; a proxy lives for longer than that.
 *
 * @param seconds for each kind of connection
 */
function warmUp(seconds: number): void {
  if (seconds <= 0) return;
  const kinds = new Map(
    wanted.filter(({ args }) => args[0] === "mode=conn").map((row) => [row.args.join(" "), row]),
  );
  for (const { args, tls } of kinds.values()) {
    for (const peer of peers) {
      if ((tls ? peer.tlsPort : peer.plainPort) !== undefined) measure(peer, tls, args, seconds);
    }
  }
  if (kinds.size > 0) say("warmed up");
}

function keep(
  results: ReadonlyMap<Row, Map<string, number[]>>,
  rows: readonly Row[],
  peer: Peer,
  one: Measurement,
): void {
  for (const row of rows) {
    const list = results.get(row)?.get(peer.name) ?? [];
    list.push(row.value(one));
    results.get(row)?.set(peer.name, list);
  }
}

/** Two workers beside one, full mTLS handshakes; in words, because what can be said depends on the machine. */
async function measureWorkers(rounds: number, seconds: number): Promise<string> {
  const pair = findWorkers(dir);
  const args = ["mode=conn", "conns=64", "tls=1"];
  const enough = cpus().length >= 4;
  const ones: { rate: number; cpu: number }[][] = [[], []];
  const core = enough ? cpus().length - 1 : 1;
  for (const peer of pair) {
    await start(peer, `0-${peer.workers - 1}`);
    // Two workers compile what they run twice.
    if (Number(values.warm) > 0) measure(peer, true, args, 2 * Number(values.warm) * peer.workers, core);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, peer] of pair.entries()) {
      const one = measure(peer, true, args, seconds, core);
      if (one) ones[index]?.push({ rate: one.rate, cpu: one.cpu_us_per_op });
    }
  }
  const [single, double] = ones.map((list) => ({
    rate: median(list.map(({ rate }) => rate)),
    cpu: median(list.map(({ cpu }) => cpu)),
  }));
  if (!single || !double) return "";
  const show = (value: number) => Math.round(value).toLocaleString("en");
  if (enough) {
    return `Two workers: ${show(double.rate)} full mTLS handshakes a second, ${(double.rate / single.rate).toFixed(2)} times one (${show(single.rate)}).\n`;
  }
  return (
    `Two workers beside one: not measured as a rate, because generator and backend need one of the ${cpus().length} cores. ` +
    `Instead, CPU for each full mTLS handshake: ${show(single.cpu)} µs with one worker, ${show(double.cpu)} µs with two (supervisor ` +
    `included), so two CPU-seconds of two workers do ${((2 * single.cpu) / double.cpu).toFixed(2)} times the handshakes of one CPU-second of one. ` +
    "This says what sharing costs, not what a machine with more cores would do.\n"
  );
}

function measure(
  peer: Peer,
  tls: boolean,
  args: readonly string[],
  seconds: number,
  core = 1,
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
  const result = spawnSync("taskset", ["-c", String(core), generator, ...all], {
    encoding: "utf8",
    timeout: 90_000,
  });
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

async function start(peer: Peer, cores = "0"): Promise<void> {
  const old = running.get(peer.name);
  if (old) {
    const gone = new Promise((done) => old.once("exit", done));
    old.kill("SIGTERM");
    const timer = setTimeout(() => old.kill("SIGKILL"), 2_000);
    await gone;
    clearTimeout(timer);
  }
  const [command = "", ...args] = peer.command;
  const child = spawn("taskset", ["-c", cores, command, ...args], { stdio: "ignore" });
  running.set(peer.name, child);
  const port = peer.plainPort ?? peer.tlsPort ?? 0;
  for (let attempt = 0; attempt < 300; attempt++) {
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
