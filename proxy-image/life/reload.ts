import type { Listeners } from "../accept.ts";
import type { IssuedCertificate } from "../istiod/issue.ts";
import { nextTurn } from "../runtime/turn.ts";
import type { ProxyState } from "../state.ts";
import { LoadError, type Loaded, load, withIssued } from "./load.ts";
import type { Log } from "./log.ts";

/** Connections judged again before others get their turn. */
const BATCH = 500;

export type ReloadResult =
  | { readonly result: "applied" | "unchanged" }
  | { readonly result: "refused"; readonly error: string };

/** Brings a changed configuration, trust or certificate into a running process: whole or not at all. */
export class Reloader {
  readonly #configFile: string;
  readonly #state: ProxyState;
  readonly #listeners: Listeners;
  readonly #log: Log;
  #running: Promise<unknown> | undefined;
  #issued: IssuedCertificate | undefined;
  #judgedAt = Date.now();
  lastError: string | undefined;
  /** Told after each reload, with the files to watch. */
  onLoaded: (loaded: Loaded) => void = () => {};

  constructor(configFile: string, state: ProxyState, listeners: Listeners, log: Log) {
    this.#configFile = configFile;
    this.#state = state;
    this.#listeners = listeners;
    this.#log = log;
  }

  /** Reloads; one at a time. A call during a reload waits for it and then reloads again, so that it sees every write before it. */
  async reload(): Promise<ReloadResult> {
    return this.#alone(() => this.#reload());
  }

  /**
   * Puts a certificate from istiod or the Workload API to use, with the configuration in force: a configuration file that is broken at this
   * moment must not keep a proxy on a certificate that ends.
   *
   * @throws Error when it cannot be used; the one before stays
   */
  async renew(issued: IssuedCertificate): Promise<void> {
    await this.#alone(async () => {
      const before = this.#state.generation;
      await this.#use(withIssued(before.loaded, issued), before.loaded);
      this.#issued = issued;
      if (this.#state.generation.trust.fingerprint !== before.trust.fingerprint) await this.judgeAll(true);
    });
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#running) await this.#running.catch(() => {});
    const running = work();
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }

  async #reload(): Promise<ReloadResult> {
    const before = this.#state.generation;
    const result = await this.#apply(before.loaded);
    this.#state.metrics.reloaded(result.result);
    if (result.result === "refused") {
      this.lastError = result.error;
      this.#log.log("error", "reload refused; the configuration in force stays", { error: result.error });
      return result;
    }
    this.lastError = undefined;
    if (result.result === "unchanged") return result;
    const trustChanged = this.#state.generation.trust.fingerprint !== before.trust.fingerprint;
    const closed = await this.judgeAll(trustChanged);
    this.#log.log("info", "reloaded", {
      policy: this.#state.generation.config.policy.digest,
      live: this.#state.live.size,
      closed,
    });
    return result;
  }

  async #apply(before: Loaded): Promise<ReloadResult> {
    let loaded: Loaded;
    try {
      loaded = withIssued(load(this.#configFile), this.#issued);
      const { source } = loaded.config.certificate;
      if (source !== "files" && source !== before.config.certificate.source) {
        throw new LoadError("start the proxy anew to take its certificate from elsewhere than files");
      }
      if (JSON.stringify(plain(loaded)) === JSON.stringify(plain(before))) return { result: "unchanged" };
      await this.#use(loaded, before);
    } catch (error) {
      return { result: "refused", error: messageOf(error) };
    }
    this.onLoaded(loaded);
    return { result: "applied" };
  }

  async #use(loaded: Loaded, before: Loaded): Promise<void> {
    const services = new Map(this.#state.services);
    this.#state.apply(loaded);
    // Ports are bound for the first time when the process starts, which waits for its first certificate.
    if (this.#listeners.count === 0) return;
    try {
      await this.#listeners.sync();
    } catch (error) {
      this.#state.restore(before, services);
      // While ports were being bound somebody may have been let in by what does not hold after all.
      await this.judgeAll(true);
      throw error;
    }
  }

  /** Judges every live connection again, in portions; says how many lost access. */
  async judgeAll(trustChanged: boolean): Promise<number> {
    this.#judgedAt = Date.now();
    let closed = 0;
    let count = 0;
    for (const connection of [...this.#state.live]) {
      connection.judgeAgain(trustChanged);
      if (connection.closeReason === "access-lost") closed += 1;
      count += 1;
      if (count % BATCH === 0) await new Promise<void>(nextTurn);
    }
    return closed;
  }

  /** Called about twice a second: rules begin and end by themselves, and a clock that was set back starts them over. */
  tick(): void {
    const now = Date.now();
    const next = this.#state.generation.judge.nextChange(this.#judgedAt);
    if (now < this.#judgedAt || (next !== undefined && now >= next)) void this.judgeAll(false);
  }
}

function plain(loaded: Loaded): unknown {
  return [
    loaded.config,
    loaded.certificate,
    [...loaded.listenerCertificates],
    [...loaded.bundles],
    [...loaded.upstreamTls],
    [...loaded.identityFiles],
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
