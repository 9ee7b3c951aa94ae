import { existsSync } from "node:fs";
import { CliError } from "../exit.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly policies?: readonly string[];
  readonly admin?: readonly string[];
  readonly log?: readonly string[];
  readonly cluster?: string;
  readonly port: string;
}

/** `portreeve ui`: access, live connections and refusals in a browser. */
export const registerUi: Register = (program) => {
  program
    .command("ui")
    .description(
      "Serve a page on loopback: the graph of access, live connections, and what was refused and why.",
    )
    .option("--policies <paths...>", "policy files, or folders with them")
    .option(
      "--admin <url|socket...>",
      "admin interface of each proxy: http://127.0.0.1:PORT or a socket's path",
    )
    .option("--log <file...>", "files with records, or folders of them")
    .option("--cluster <name>", "whose data plane names the enforcement points (default: the only one)")
    .option("--port <port>", "where it listens on 127.0.0.1 (default: any that is free)", "0")
    .addHelpText(
      "after",
      `
Examples:
  portreeve ui --policies policies/
  portreeve ui --policies policies/ --admin /run/portreeve/admin.sock --log /var/log/portreeve
  kubectl port-forward -n portreeve deploy/portreeve-proxy 25091 & portreeve ui --admin http://127.0.0.1:25091

The page can be read and nothing else; what it shows is text that policies, proxies and records have. The link that is
printed lets in one browser, once. Ctrl-C ends it.

Exit code: 0 ended, 2 could not run.`,
    )
    .action(async ({ policies = [], admin = [], log = [], cluster, port }: Options) => {
      if (policies.length === 0 && admin.length === 0 && log.length === 0) {
        throw new CliError("ui: give --policies, --admin or --log: there is nothing to show without");
      }
      if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
        throw new CliError(`ui: --port ${port} is no port`);
      }
      // Policies that are wrong are told on the page, which reads them anew; a path that leads nowhere is a slip.
      const nowhere = policies.find((path) => !existsSync(path));
      if (nowhere !== undefined) throw new CliError(`ui: --policies ${nowhere}: no such file or folder`);
      const { whereIs } = await import("../live/admin.ts");
      for (const each of admin) whereIs("ui", each);
      const { serveUi } = await import("../ui/serve.ts");
      const ui = await serveUi({ policies, cluster, admins: admin, logs: log, port: Number(port) });
      process.stdout.write(`${ui.url}\n`);
      const { promise, resolve } = Promise.withResolvers<void>();
      process.once("SIGINT", resolve).once("SIGTERM", resolve).once("SIGHUP", resolve);
      await promise;
      await ui.close();
    });
};
