import { existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import { CliError } from "../exit.ts";
import { ask, withRecords } from "./engine.ts";
import { whereOf } from "./filter.ts";
import { logFiles } from "./log-files.ts";
import { momentOption } from "./options.ts";
import { COLUMNS, literal } from "./records-table.ts";

interface Options {
  readonly parquet: string;
  readonly since?: string;
  readonly until?: string;
  readonly memory: string;
}

/** `portreeve audit export`: records as a table for other engines. */
export function registerExport(audit: Command): void {
  audit
    .command("export")
    .description("Write records as Parquet, for Athena, ClickHouse, Spark, or for faster queries here.")
    .argument("<files...>", "files with records, folders of them, or - for standard input")
    .requiredOption("--parquet <file>", "the file to write")
    .option("--since <time>", "30m, 2h, 90d, a date or an instant")
    .option("--until <time>", "the same; up to this")
    .option("--memory <size>", "how much memory DuckDB may use", "512MB")
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit export /var/log/portreeve --parquet records.parquet
  portreeve audit export audit.jsonl.1 --parquet dt=2026-11-20/records.parquet --since 2026-11-20 --until 2026-11-21

The table is described in docs/audit.md, with its DDL for Athena and ClickHouse. For a stream instead of files, the proxy
has a sink for OTLP logs.

Exit code: 0 written, 2 could not run.`,
    )
    .action(async (paths: readonly string[], { parquet, since, until, memory }: Options) => {
      if (existsSync(parquet)) throw new CliError(`${parquet} is there already: remove it first`);
      const now = Date.now();
      const { sql, values } = whereOf({
        since: since === undefined ? undefined : momentOption("--since", since, now),
        until: until === undefined ? undefined : momentOption("--until", until, now),
        updates: true,
      });
      const columns = COLUMNS.map(({ name }) => name).join(", ");
      // COPY takes no parameters; these are instants that were made here.
      const where = Object.entries(values).reduce(
        (text, [name, value]) => text.replaceAll(`$${name}`, literal(String(value))),
        sql,
      );
      await withRecords(logFiles(paths), { memory, writes: parquet }, (connection) =>
        ask(() =>
          connection.run(
            `COPY (SELECT ${columns} FROM records WHERE ${where}) TO ${literal(parquet)} (FORMAT parquet, COMPRESSION zstd)`,
          ),
        ),
      );
      process.stdout.write(`${parquet}: ${(statSync(parquet).size / 1e6).toFixed(1)} MB\n`);
    });
}
