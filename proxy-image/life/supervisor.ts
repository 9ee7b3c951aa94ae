import { type ChildProcess, spawn } from "node:child_process";
import type { Verdict } from "../../policy/decide/index.ts";
import { Replay } from "../credentials/replay.ts";
import { type Revocation, Revocations } from "../credentials/revocations.ts";
import { addSnapshots, type SeriesSnapshot } from "../metrics/series.ts";
import type { Control, LiveConnection, VerdictQuestion } from "./control.ts";
import { type Channel, RemoteControl, tellBegin } from "./ipc.ts";
import type { Log } from "./log.ts";
import { serveLedger } from "./place-channel.ts";
import { PlaceLedger, type WorkerPlaces } from "./place-ledger.ts";
import type { ReloadResult } from "./reload.ts";
import { serveReplay } from "./replay-channel.ts";

/** A worker that dies again at once is started less and less often. */
const RESTART_MS = 200;
const RESTART_MAX_MS = 10_000;
/** How often counters are fetched, so that those of a worker that is killed are not lost with it. */
const COLLECT_MS = 1_000;

interface Worker {
  readonly index: number;
  readonly child: ChildProcess;
  readonly remote: RemoteControl;
  readonly places: WorkerPlaces;
  readonly startedAt: number;
  /** Counters as last fetched. */
  last: SeriesSnapshot;
}

/** Several processes that share the ports, seen from outside as one proxy. */
export class Supervisor implements Control {
  readonly #command: readonly string[];
  readonly #log: Log;
  readonly #workers = new Map<number, Worker>();
  readonly #failures = new Map<number, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #count: number;
  readonly #ledger = new PlaceLedger();
  readonly #replay = new Replay();
  /** Counters of workers that are gone. */
  #past: SeriesSnapshot = [];
  #revocations: readonly Revocation[] = [];
  #restarts = 0;
  #stopping = false;

  /** @param command how a worker is started; it finds its index in `PORTREEVE_WORKER`, and how many there are in `PORTREEVE_WORKERS` */
  constructor(command: readonly string[], count: number, log: Log) {
    this.#command = command;
    this.#count = count;
    this.#log = log;
    for (let index = 0; index < count; index++) this.#start(index);
    this.#timer = setInterval(() => void this.#collect(), COLLECT_MS);
  }

  /** Ends all workers in order; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    const exits = [...this.#workers.values()].map(
      ({ child }) =>
        new Promise<void>((done) => {
          child.once("exit", () => done());
          child.kill("SIGTERM");
        }),
    );
    await Promise.all(exits);
  }

  async notReady(): Promise<string[]> {
    if (this.#stopping) return ["draining"];
    const missing = this.#count - this.#serving().length;
    const reasons = missing > 0 ? [`${missing} of ${this.#count} workers are not running`] : [];
    const answers = await Promise.allSettled(this.#each((remote) => remote.ask("notReady")));
    return reasons.concat(
      answers.flatMap((answer) =>
        answer.status === "fulfilled" ? answer.value : ["a worker does not answer"],
      ),
    );
  }

  async metrics(): Promise<SeriesSnapshot> {
    await this.#collect();
    const workers = this.#serving();
    const own: SeriesSnapshot = [
      gauge("portreeve_workers", "Processes that are running.", workers.length),
      {
        ...gauge("portreeve_worker_restarts_total", "Processes started anew.", this.#restarts),
        type: "counter",
      },
    ];
    return [...addSnapshots([this.#past, ...workers.map(({ last }) => last)]), ...own];
  }

  async connections(): Promise<LiveConnection[]> {
    return (await Promise.all(this.#each((remote) => remote.ask("connections")))).flat();
  }

  async revoke(revocation: Revocation): Promise<number> {
    // Remembered here too: a worker that starts later must know.
    const revocations = this.#revocations.filter(
      ({ until = Number.POSITIVE_INFINITY }) => until > Date.now(),
    );
    if (revocations.length >= Revocations.MAX) throw new Error("too many revocations");
    this.#revocations = [...revocations, revocation];
    const closed = await Promise.all(this.#each((remote) => remote.ask("revoke", revocation)));
    return closed.reduce((sum, count) => sum + count, 0);
  }

  async close(id: string): Promise<boolean> {
    return (await Promise.all(this.#each((remote) => remote.ask("close", id)))).includes(true);
  }

  async policy(): Promise<{
    digest: string;
    commit: string | undefined;
    lastReloadError: string | undefined;
  }> {
    return this.#any((remote) => remote.ask("policy"));
  }

  async verdict(question: VerdictQuestion): Promise<Verdict> {
    return this.#any((remote) => remote.ask("verdict", question));
  }

  async reload(): Promise<ReloadResult> {
    const results = await Promise.all(this.#each((remote) => remote.ask("reload")));
    return (
      results.find(({ result }) => result === "refused") ??
      results.find(({ result }) => result === "applied") ?? { result: "unchanged" }
    );
  }

  async setLogLevel(level: "debug" | "info" | "warn" | "error"): Promise<void> {
    await Promise.all(this.#each((remote) => remote.ask("setLogLevel", level)));
  }

  #serving(): Worker[] {
    return [...this.#workers.values()].filter(({ remote }) => remote.serving);
  }

  #each<Result>(ask: (remote: RemoteControl) => Promise<Result>): Promise<Result>[] {
    return this.#serving().map(({ remote }) => ask(remote));
  }

  #any<Result>(ask: (remote: RemoteControl) => Promise<Result>): Promise<Result> {
    const [first] = this.#serving();
    return first ? ask(first.remote) : Promise.reject(new Error("no worker is running"));
  }

  async #collect(): Promise<void> {
    await Promise.allSettled(
      this.#serving().map(async (worker) => {
        worker.last = await worker.remote.ask("metrics");
      }),
    );
  }

  #start(index: number): void {
    const [command = "", ...args] = this.#command;
    const child = spawn(command, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, PORTREEVE_WORKER: String(index), PORTREEVE_WORKERS: String(this.#count) },
    });
    const channel: Channel = {
      send: (message) => {
        if (child.connected) child.send(message as object);
      },
      onMessage: (handler) => void child.on("message", handler),
    };
    const remote = new RemoteControl(channel);
    const places = serveLedger(this.#ledger, channel);
    serveReplay(this.#replay, channel);
    remote.onServing = () => {
      for (const revocation of this.#revocations) void remote.ask("revoke", revocation).catch(() => {});
      tellBegin(channel);
    };
    const worker: Worker = { index, child, remote, places, startedAt: performance.now(), last: [] };
    this.#workers.set(index, worker);
    child.once("exit", (code, signal) => this.#ended(worker, code, signal));
  }

  #ended(worker: Worker, code: number | null, signal: string | null): void {
    this.#workers.delete(worker.index);
    worker.places.gone();
    // What is counted stays counted; what is held (live connections, memory) is gone with the process.
    this.#past = addSnapshots([this.#past, worker.last.filter(({ type }) => type === "counter")]);
    if (this.#stopping) return;
    this.#log.log("error", "a worker ended and is started anew", { worker: worker.index, code, signal });
    const lived = performance.now() - worker.startedAt;
    const failures = lived > RESTART_MAX_MS ? 0 : (this.#failures.get(worker.index) ?? 0) + 1;
    this.#failures.set(worker.index, failures);
    setTimeout(
      () => {
        if (this.#stopping) return;
        this.#restarts += 1;
        this.#start(worker.index);
      },
      Math.min(RESTART_MS * 2 ** failures, RESTART_MAX_MS),
    );
  }
}

function gauge(name: string, help: string, value: number): SeriesSnapshot[number] {
  return { name, help, type: "gauge", series: [["", value]] };
}
