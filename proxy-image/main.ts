import { openAdmin, openMetrics } from "./life/http.ts";
import { load } from "./life/load.ts";
import { Log } from "./life/log.ts";
import { ProxyProcess } from "./life/proxy-process.ts";
import { requireBun } from "./runtime/bun.ts";

/** Entry point under Bun: `bun main.ts CONFIG`. Everybody else starts it with `portreeve proxy`. */
async function main(argv: readonly string[]): Promise<void> {
  requireBun();
  const [configFile, flag] = argv;
  if (configFile === undefined) throw new Error("usage: main CONFIG [--check]");
  if (flag === "--check") {
    const { config, files } = load(configFile);
    process.stdout.write(
      `${configFile}: ${config.services.length} services, ${config.rules.length} rules, ${files.length} files: valid\n`,
    );
    return;
  }
  const log = new Log();
  const proxy = new ProxyProcess(configFile, log);
  const { metrics, admin } = proxy.state.generation.config;
  await openMetrics(proxy, metrics);
  if (admin) await openAdmin(proxy, admin);
  await proxy.start();
  process.on("SIGHUP", () => void proxy.reload());
  let stopping = false;
  const stop = (signal: string) => {
    // A second signal means now.
    if (stopping) process.exit(1);
    stopping = true;
    log.log("info", "draining", { signal, live: proxy.state.live.size });
    void proxy.stop().then((result) => {
      log.log("info", "stopped", result);
      process.exit(0);
    });
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`portreeve proxy: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env["PORTREEVE_DEBUG"]) console.error(error);
  process.exit(2);
});
