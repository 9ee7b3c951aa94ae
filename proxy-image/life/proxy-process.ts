import type { Verdict } from "../../policy/decide/index.ts";
import { Listeners } from "../accept.ts";
import { AuditLog } from "../audit/audit-log.ts";
import { openChain } from "../audit/open-chain.ts";
import { openSinks } from "../audit/open-sinks.ts";
import type { Revocation } from "../credentials/revocations.ts";
import { revoke } from "../credentials/revoke.ts";
import { issue } from "../istiod/issue.ts";
import { Renewal } from "../istiod/renewal.ts";
import { ProxyMetrics } from "../metrics/proxy-metrics.ts";
import type { SeriesSnapshot } from "../metrics/series.ts";
import { DescriptorError, descriptorLimit } from "../runtime/descriptors.ts";
import { nativeSockets } from "../runtime/native/sockets.ts";
import { rustls } from "../runtime/rustls/library.ts";
import { ProxyState, type Worker } from "../state.ts";
import { SvidSource } from "../workload-api/svid-source.ts";
import type { Control, LiveConnection, VerdictQuestion } from "./control.ts";
import { drain } from "./drain.ts";
import { liveConnection } from "./live-connection.ts";
import { load } from "./load.ts";
import type { Log } from "./log.ts";
import { Reloader, type ReloadResult } from "./reload.ts";
import { FileWatch } from "./watch.ts";

/** One running proxy process: its state, ports, and the few timers that it has. */
export class ProxyProcess implements Control {
  readonly state: ProxyState;
  readonly #listeners: Listeners;
  readonly #reloader: Reloader;
  readonly #watch: FileWatch;
  readonly #renewal: Renewal | SvidSource;
  readonly #log: Log;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #worker: number;
  #lag = 0;

  /**
   * @param worker when this is one of several processes of one proxy; audit files get its index as a suffix, because two
   *   writers of one file could not rotate it
   * @throws PolicyError or LoadError for a configuration that cannot be used
   */
  constructor(configFile: string, log: Log, worker?: Worker) {
    const index = worker?.index;
    const loaded = load(configFile);
    const { audit, metrics } = loaded.config;
    const chain = audit.chain ? openChain(loaded.config, configFile, index, log) : undefined;
    const auditLog = new AuditLog(openSinks(audit, index), audit.queue, undefined, chain);
    auditLog.onChange = (healthy, error) => {
      if (healthy) log.log("info", "records are written again");
      else log.log("error", "records cannot be written", { error });
    };
    this.#log = log;
    this.#worker = index ?? 0;
    this.state = new ProxyState(loaded, auditLog, new ProxyMetrics(metrics.maxSeries), worker);
    this.state.keys.onFetch = (provider, result, error) => {
      this.state.metrics.keysFetched(provider, result);
      if (result === "failed")
        log.log("warn", "keys of an identity provider cannot be fetched", { provider, error });
    };
    this.#listeners = new Listeners(this.state, worker === undefined);
    this.#reloader = new Reloader(configFile, this.state, this.#listeners, log);
    this.#watch = new FileWatch(() => void this.reload());
    this.#watch.files = loaded.files;
    this.#reloader.onLoaded = ({ files }) => {
      this.#watch.files = files;
    };
    this.#renewal =
      loaded.config.certificate.source === "workloadApi"
        ? this.#fromWorkloadApi()
        : this.#renewalFromIstiod();
  }

  /** Binds the ports and begins; with a certificate from istiod or the Workload API, once there is one. */
  async start(): Promise<void> {
    this.#checkDescriptors();
    this.#startTimers();
    this.state.generation.credentials.warm();
    this.state.audit.open(this.state.generation.config.audit.signing?.interval ?? 0);
    if (this.#isIssued) await this.#renewal.first();
    if (this.state.draining) return;
    await this.#listeners.sync();
    this.#log.log("info", "ready", {
      listeners: this.#listeners.count,
      policy: this.state.generation.config.policy.digest,
      plainSockets: nativeSockets ? "own" : "runtime",
      tls: rustls && nativeSockets ? "rustls" : "runtime",
    });
  }

  get #isIssued(): boolean {
    return this.state.generation.config.certificate.source !== "files";
  }

  #renewalFromIstiod(): Renewal {
    return new Renewal({
      issue: () => {
        const { certificate, trust } = this.state.generation.config;
        if (certificate.source !== "istiod") throw new Error("the certificate does not come from istiod");
        return issue(certificate, trust.trustDomain);
      },
      take: (issued) => this.#reloader.renew(issued),
      now: Date.now,
      random: Math.random,
      done: (error) => {
        this.state.metrics.certificateAsked(error === undefined ? "ok" : "failed");
        const expires = expiryText(this.state.generation.certificateExpires);
        if (error === undefined) this.#log.log("info", "istiod signed the certificate", { expires });
        else this.#log.log("error", "istiod gave no certificate; asked again soon", { error, expires });
      },
    });
  }

  #fromWorkloadApi(): SvidSource {
    return new SvidSource({
      wanted: () => {
        const { certificate, trust } = this.state.generation.config;
        if (certificate.source !== "workloadApi") {
          throw new Error("the certificate does not come from the Workload API");
        }
        return { socket: certificate.socket, hint: certificate.hint, trustDomain: trust.trustDomain };
      },
      take: (issued) => this.#reloader.renew(issued),
      now: Date.now,
      random: Math.random,
      done: (error) => {
        this.state.metrics.certificateAsked(error === undefined ? "ok" : "failed");
        const expires = expiryText(this.state.generation.certificateExpires);
        if (error === undefined) this.#log.log("info", "the Workload API gave the certificate", { expires });
        else
          this.#log.log("error", "the Workload API gave no certificate; asked again soon", {
            error,
            expires,
          });
      },
    });
  }

  #startTimers(): void {
    let last = performance.now();
    this.#timers.push(
      setInterval(() => {
        const now = performance.now();
        this.#lag = Math.max(0, now - last - 100);
        last = now;
        this.state.deadlines.advance();
      }, 100),
      setInterval(() => {
        this.#watch.look();
        this.#reloader.tick();
        if (this.#isIssued) void this.#renewal.tick();
      }, 500),
    );
    if (this.#isIssued) void this.#renewal.tick();
  }

  /** Stops in order; resolves when every record is written. */
  async stop(): Promise<{ finished: number; forced: number }> {
    const result = await drain(this.state, this.#listeners);
    for (const timer of this.#timers) clearInterval(timer);
    return result;
  }

  /** Stops at once, because what holds is not known any more; resolves when every record is written. */
  async abandon(): Promise<void> {
    this.state.draining = true;
    this.#listeners.stop();
    for (const connection of [...this.state.live]) connection.finish("internal-error");
    await this.state.audit.drained();
    await this.state.audit.close();
  }

  async notReady(): Promise<string[]> {
    const reasons: string[] = [];
    if (this.state.draining) reasons.push("draining");
    const { certificateExpires } = this.state.generation;
    if (certificateExpires === undefined) {
      reasons.push(`no certificate yet: ${this.#renewal.lastError ?? "its source has not answered"}`);
    } else if (certificateExpires <= Date.now()) {
      reasons.push(`the certificate expired at ${expiryText(certificateExpires)}`);
    }
    if (this.#listeners.count === 0) reasons.push("no listener is bound");
    if (this.state.generation.config.audit.required && !this.state.audit.healthy) {
      reasons.push("records cannot be written");
    }
    return reasons;
  }

  async metrics(): Promise<SeriesSnapshot> {
    return this.state.metrics.snapshot(this.state, this.#lag, this.#worker);
  }

  async connections(): Promise<LiveConnection[]> {
    return [...this.state.live].map(liveConnection);
  }

  async revoke(revocation: Revocation): Promise<number> {
    const closed = revoke(this.state, revocation, Date.now());
    this.#log.log("warn", "revoked", { ...revocation, closed });
    return closed;
  }

  async close(id: string): Promise<boolean> {
    for (const connection of this.state.live) {
      if (connection.id !== id) continue;
      connection.finish("admin");
      return true;
    }
    return false;
  }

  async policy(): Promise<{
    digest: string;
    commit: string | undefined;
    lastReloadError: string | undefined;
  }> {
    const { digest, commit } = this.state.generation.config.policy;
    return { digest, commit, lastReloadError: this.#reloader.lastError };
  }

  async verdict({ workload, ...question }: VerdictQuestion): Promise<Verdict> {
    return this.state.generation.judge.judge({ ...question, principal: { workload } }, Date.now());
  }

  reload(): Promise<ReloadResult> {
    return this.#reloader.reload();
  }

  async setLogLevel(level: "debug" | "info" | "warn" | "error"): Promise<void> {
    this.#log.level = level;
  }

  /** Said at the start rather than found out under load. */
  #checkDescriptors(): void {
    const { maxConnections } = this.state;
    const wanted = this.state.generation.config.limits.maxConnections;
    if (maxConnections < 1) throw new DescriptorError(descriptorLimit() ?? 0);
    if (maxConnections >= wanted) return;
    this.#log.log("warn", "the file descriptor limit allows fewer connections than limits.maxConnections", {
      limit: descriptorLimit(),
      maxConnections: wanted,
      allows: maxConnections,
      help: `raise the hard limit to ${2 * wanted + 64} (ulimit -Hn, LimitNOFILE, the container runtime's default)`,
    });
  }
}

function expiryText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
