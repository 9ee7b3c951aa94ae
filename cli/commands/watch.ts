import { Option } from "commander";
import { CliError } from "../exit.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly admin?: readonly string[];
  readonly log?: readonly string[];
  readonly filter: string;
  readonly every: string;
  readonly once?: true;
  readonly format: "text" | "json";
}

/** `portreeve watch`: what is going on? */
export const registerWatch: Register = (program) => {
  program
    .command("watch")
    .description("Show live connections and verdicts as they happen: a page on a terminal, lines elsewhere.")
    .option(
      "--admin <url|socket...>",
      "admin interface of each proxy: http://127.0.0.1:PORT or a socket's path",
    )
    .option("--log <file...>", "files with records, or folders of them: what ended and what was refused")
    .option("--filter <words>", "only what has these words in it: who, service, grant, address, …", "")
    .option("--every <seconds>", "how often to look", "1")
    .option("--once", "what there is now, as lines, and end")
    .addOption(
      new Option("--format <format>", "how lines are written").choices(["text", "json"]).default("text"),
    )
    .addHelpText(
      "after",
      `
Examples:
  portreeve watch --admin /run/portreeve/admin.sock --log /var/log/portreeve
  kubectl port-forward -n portreeve deploy/portreeve-proxy 25091 & portreeve watch --admin http://127.0.0.1:25091
  portreeve watch --log audit.jsonl --filter "deny orders-db" | tee denied.txt

Keys: q ends, p pauses, / filters, arrows and PgUp, PgDn scroll. Live connections are asked of the proxies; what has ended or
was refused is read from the records.

Exit code: 0 ended, 2 could not run. A proxy that does not answer is told on the page, and asked again.`,
    )
    .action(async ({ admin = [], log = [], filter, every, once, format }: Options) => {
      if (admin.length === 0 && log.length === 0) {
        throw new CliError("watch: give --admin, --log, or both: whom to ask and what to read");
      }
      const seconds = Number(every);
      if (!(seconds >= 0.1 && seconds <= 3600)) {
        throw new CliError(`watch: --every ${every}: give seconds, from 0.1 to 3600`);
      }
      const { whereIs } = await import("../live/admin.ts");
      for (const each of admin) whereIs("watch", each);
      const sources = { command: "watch", admins: admin, logs: log, everyMs: seconds * 1000 };
      const stop = new AbortController();
      const end = (): void => stop.abort();
      process.once("SIGINT", end).once("SIGTERM", end).once("SIGHUP", end);
      const { canShowPage, watchPage } = await import("../watch/page.ts");
      if (once !== true && format === "text" && canShowPage(process.stdin, process.stdout)) {
        await watchPage(sources, filter, process.stdin, process.stdout, stop);
        return;
      }
      // Whoever reads may go away first, as `head` does.
      process.stdout.once("error", end);
      const { watchLines } = await import("../watch/lines.ts");
      const write = (text: string): void => {
        if (text !== "") process.stdout.write(text);
      };
      await watchLines(sources, { format, filter, once: once === true }, write, stop);
    });
};
