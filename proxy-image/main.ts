import { cpus } from "node:os";
import type { ProxyConfig } from "../policy/compile/proxy/config.ts";
import type { Control } from "./life/control.ts";
import { openAdmin, openMetrics } from "./life/http.ts";
import { type Channel, serveControl, toldToBegin } from "./life/ipc.ts";
import { load } from "./life/load.ts";
import { Log } from "./life/log.ts";
import { askLedger } from "./life/place-channel.ts";
import { ProxyProcess } from "./life/proxy-process.ts";
import { askReplay } from "./life/replay-channel.ts";
import { Supervisor } from "./life/supervisor.ts";
import { OtlpMetrics } from "./metrics/otlp.ts";
import { requireBun } from "./runtime/bun.ts";

/** Entry point under Bun: `bun main.ts CONFIG [--check]`. Everybody else starts it with `portreeve proxy`. */
async function main(argv: readonly string[]): Promise<void> {
  requireBun();
  const [configFile, flag] = argv;
  if (configFile === undefined) throw new Error("usage: main CONFIG [--check]");
  const { config, files } = load(configFile);
  if (flag === "--check") {
    const { services, rules } = config;
    process.stdout.write(
      `${configFile}: valid: ${services.length} services, ${rules.length} rules, ${files.length} files\n`,
    );
    return;
  }
  const log = new Log();
  const worker = process.env["PORTREEVE_WORKER"];
  if (worker !== undefined) return runWorker(configFile, Number(worker), log);
  const count = config.workers === "auto" ? cpus().length : config.workers;
  let start = async () => {};
  let control: Control & { stop(): Promise<unknown> };
  if (count > 1) {
    control = new Supervisor([process.execPath, ...process.argv.slice(1)], count, log);
  } else {
    const proxy = new ProxyProcess(configFile, log);
    onMistakes(proxy, log);
    start = () => proxy.start();
    control = proxy;
  }
  // Probes and signals are answered while the process still waits for its certificate.
  await openMetrics(control, config.metrics);
  if (config.admin) await openAdmin(control, config.admin);
  const exporter = exportMetrics(control, config, log);
  onSignals(
    { stop: () => control.stop().finally(() => exporter?.stop()), reload: () => control.reload() },
    log,
  );
  await start();
}

/** One exporter for all workers, where their totals are added up. */
function exportMetrics(control: Control, { metrics, proxy }: ProxyConfig, log: Log): OtlpMetrics | undefined {
  if (!metrics.otlp) return undefined;
  return new OtlpMetrics({
    ...metrics.otlp,
    resource: {
      "service.name": "portreeve-proxy",
      "service.namespace": proxy.namespace,
      "service.instance.id": `${proxy.name}-${process.pid}`,
      "k8s.cluster.name": proxy.cluster,
    },
    snapshot: () => control.metrics(),
    onChange: (error) => {
      if (error === undefined) log.log("info", "metrics are exported again");
      else log.log("warn", "metrics cannot be exported; tried again at the interval", { error });
    },
  });
}

async function runWorker(configFile: string, index: number, log: Log): Promise<void> {
  const channel: Channel = {
    send: (message) => void process.send?.(message),
    onMessage: (handler) => void process.on("message", handler),
  };
  const count = Number(process.env["PORTREEVE_WORKERS"]);
  const proxy = new ProxyProcess(configFile, log, {
    index,
    count,
    places: askLedger(channel),
    replay: askReplay(channel),
  });
  onMistakes(proxy, log);
  // A supervisor that is gone leaves nobody who would end this process.
  process.on("disconnect", () => process.exit(1));
  onSignals(proxy, log);
  const told = toldToBegin(channel);
  serveControl(proxy, channel);
  // Who is revoked is known before a port is bound.
  await told;
  await proxy.start();
}

/** Longest wait for records that are still to be written. */
const LAST_WORDS_MS = 2_000;

/** A mistake in the program that nobody caught: nothing goes on, but each connection gets its record, and the log says why. */
function onMistakes(proxy: ProxyProcess, log: Log): void {
  let ending = false;
  const end = (cause: unknown) => {
    const error = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    log.log("error", "internal error; the process ends", { error });
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), LAST_WORDS_MS);
    void proxy.abandon().finally(() => process.exit(1));
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

/** Signals closer together than this are one request. */
const SAME_REQUEST_MS = 500;

function onSignals(control: Pick<Control, "reload"> & { stop(): Promise<unknown> }, log: Log): void {
  let stoppingSince: number | undefined;
  const stop = (signal: string) => {
    const now = performance.now();
    if (stoppingSince !== undefined) {
      // A second signal means now. But a terminal or a process group signals this process and its parent, which passes the
      // signal on: that is one request that arrives twice, and must not cut the drain short and lose records.
      if (now - stoppingSince > SAME_REQUEST_MS) process.exit(1);
      return;
    }
    stoppingSince = now;
    log.log("info", "draining", { signal });
    void control.stop().then((result) => {
      log.log("info", "stopped", { ...(result ?? {}) });
      process.exit(0);
    });
  };
  process.on("SIGHUP", () => void control.reload());
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`portreeve proxy: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env["PORTREEVE_DEBUG"]) console.error(error);
  process.exit(2);
});
