import type { DuckDBConnection } from "@duckdb/node-api";
import { type Command, Option } from "commander";
import { didYouMean } from "../../policy/load/suggest.ts";
import { CliError } from "../exit.ts";
import { Output } from "../io/output.ts";
import { ask, withRecords } from "./engine.ts";
import { checkReadOnly, type Filter, whereOf } from "./filter.ts";
import { logFiles } from "./log-files.ts";
import { countOption, momentOption } from "./options.ts";
import { printable } from "./printable.ts";
import { COLUMNS } from "./records-table.ts";
import { csvOf, jsonOf, type Row, tableOf } from "./rows.ts";
import { selectRows } from "./select.ts";

interface Options {
  readonly service?: string;
  readonly port?: string;
  readonly principal?: string;
  readonly group?: string;
  readonly agent?: string;
  readonly verdict?: string;
  readonly close?: string;
  readonly rule?: string;
  readonly connection?: string;
  readonly since?: string;
  readonly until?: string;
  readonly updates?: true;
  readonly columns: string;
  readonly limit: string;
  readonly memory: string;
  readonly sql?: string;
  readonly format: "text" | "json" | "csv";
}

/** What is shown unless asked otherwise. Of who it was, the innermost name that is known. */
const SHOWN = "time,who,service,verdict,rule,close,duration_ms,bytes_sent,bytes_recv,src_addr";

/** `portreeve audit query`: who touched the port, and when? */
export function registerQuery(audit: Command): void {
  audit
    .command("query")
    .description(
      "Find records: by service, port, principal, group, agent, time, verdict, close reason or rule.",
    )
    .argument(
      "<files...>",
      "files with records (JSON lines, .gz, .parquet), folders of them, or - for standard input",
    )
    .option("--service <name>", "service; * stands for anything, here and below")
    .option("--port <port>", "the service's port")
    .option("--principal <name>", "SPIFFE ID, namespace/workload, provider:user, IAM role or agent")
    .option("--group <provider:group>", "a group that the person was of")
    .option("--agent <name>", "an agent")
    .addOption(new Option("--verdict <verdict>", "how it was decided").choices(["allow", "deny"]))
    .option("--close <reason>", "why the connection ended, such as denied or client-closed")
    .option("--rule <grant>", "a grant that the verdict rests on")
    .option("--connection <id>", "one connection")
    .option("--since <time>", "30m, 2h, 90d, a date or an instant")
    .option("--until <time>", "the same; up to this")
    .option("--updates", "also the records that a long connection gets while it lives")
    .option("--columns <names>", "what is shown, separated by commas; docs/audit.md has them all", SHOWN)
    .option("--limit <count>", "the newest so many records", "100")
    .option("--memory <size>", "how much memory DuckDB may use", "512MB")
    .option("--sql <select>", "one SELECT over the table `records` instead of all filters")
    .addOption(
      new Option("--format <format>", "how it is written").choices(["text", "json", "csv"]).default("text"),
    )
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .addOption(new Option("--csv", "the same as --format csv").implies({ format: "csv" }))
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit query /var/log/portreeve --service orders-db --since 2h
  portreeve audit query /var/log/portreeve --verdict deny --principal "okta:*" --csv
  kubectl logs -n portreeve deploy/portreeve-proxy | portreeve audit query - --agent triage
  portreeve audit query records.parquet --sql "SELECT dst_service, count(*) AS n FROM records GROUP BY ALL ORDER BY n DESC"

The newest record comes first. --service "*" leaves out what was asked of the proxy itself, such as portreeve ls. A line that is no JSON is passed over: \`portreeve audit verify\` finds it.

Exit code: 0 answered, also if nothing was found; 2 could not run.`,
    )
    .action(async (paths: readonly string[], options: Options) => {
      const { sql, values } = statementOf(options, Date.now());
      const files = logFiles(paths);
      const { names, rows, nothing } = await withRecords(files, { memory: options.memory }, (connection) =>
        ask(async () => {
          if (options.sql !== undefined) {
            const statements = await connection.extractStatements(sql);
            const prepared = statements.count === 1 ? await statements.prepare(0) : undefined;
            checkReadOnly(prepared?.statementType);
          }
          const found = await selectRows(connection, sql, values);
          return {
            ...found,
            nothing: found.rows.length > 0 ? undefined : await whyNothing(connection, paths, options),
          };
        }),
      );
      const output = new Output(process.stdout);
      await output.write(formatted(options.format, names, rows));
      await output.flush();
      if (nothing !== undefined) process.stderr.write(`${printable(nothing)}\n`);
    });
}

const MOST_SERVICES = 20;

/** A wrong file, or a wrong word, must not look like a quiet night. */
async function whyNothing(
  connection: DuckDBConnection,
  paths: readonly string[],
  { sql }: Options,
): Promise<string | undefined> {
  const one = await selectRows(connection, "SELECT 1 AS one FROM records LIMIT 1", {});
  if (one.rows.length === 0) return `no record is in ${paths.join(", ")}`;
  if (sql !== undefined) return undefined;
  const { rows } = await selectRows(
    connection,
    `SELECT DISTINCT dst_service AS service FROM records WHERE dst_service IS NOT NULL ORDER BY 1 LIMIT ${MOST_SERVICES + 1}`,
    {},
  );
  const names = rows.slice(0, MOST_SERVICES).map(({ service }) => String(service));
  const more = rows.length > MOST_SERVICES ? ", and more" : "";
  return `no record fits. The services in these records: ${names.join(", ") || "none"}${more}`;
}

function formatted(format: Options["format"], names: readonly string[], rows: readonly Row[]): string {
  switch (format) {
    case "text":
      return tableOf(names, rows);
    case "json":
      return jsonOf(names, rows);
    case "csv":
      return csvOf(names, rows);
  }
}

function statementOf(
  options: Options,
  now: number,
): { sql: string; values: Record<string, string | number> } {
  const limit = countOption("--limit", options.limit);
  if (options.sql !== undefined) {
    return { sql: options.sql.trim().replace(/;\s*$/, ""), values: {} };
  }
  const { since, until, port } = options;
  const filter: Filter = {
    ...options,
    port: port === undefined ? undefined : countOption("--port", port),
    since: since === undefined ? undefined : momentOption("--since", since, now),
    until: until === undefined ? undefined : momentOption("--until", until, now),
  };
  const { sql, values } = whereOf(filter);
  return {
    sql: `SELECT ${shown(options.columns)} FROM records WHERE ${sql} ORDER BY time DESC LIMIT ${limit}`,
    values,
  };
}

const COLUMN_NAMES: readonly string[] = ["who", "service", ...COLUMNS.map(({ name }) => name), "file"];

/** Names are part of the statement, so nothing but a name gets in. */
function shown(columns: string): string {
  return columns
    .split(",")
    .map((column) => column.trim())
    .map((column) => {
      switch (column) {
        case "who":
          return "coalesce(src_agent || coalesce(' for ' || src_user, ''), src_user, src_role, src_identity, src_addr) AS who";
        case "service":
          return "dst_service || ':' || dst_port AS service";
        default:
          if (!COLUMN_NAMES.includes(column)) {
            throw new CliError(
              `--columns: "${column}" is no column of records${didYouMean(column, COLUMN_NAMES)}\n    columns: ${COLUMN_NAMES.join(", ")}`,
            );
          }
          return `"${column}"`;
      }
    })
    .join(", ");
}
