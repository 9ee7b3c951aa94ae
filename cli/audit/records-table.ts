/** One column of the table of records: its name, its type in DuckDB, and the key that it has in a record. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly key: string;
  /** What it is taken from, where that is not the key alone. */
  readonly from?: string;
}

const text = (key: string): Column => ({ name: key.replaceAll(".", "_"), type: "VARCHAR", key });
const number = (key: string): Column => ({ name: key.replaceAll(".", "_"), type: "BIGINT", key });

/** The table of records, as `audit query --sql` and `audit export` have it: one row for each record. */
export const COLUMNS: readonly Column[] = [
  { name: "time", type: "TIMESTAMP", key: "time" },
  text("event"),
  text("connection"),
  text("proxy"),
  text("listener"),
  text("src.addr"),
  text("src.peer"),
  text("src.identity"),
  text("src.namespace"),
  text("src.workload"),
  text("src.user"),
  { name: "src_groups", type: "VARCHAR[]", key: "src.groups" },
  text("src.role"),
  text("src.role_session"),
  text("src.agent"),
  text("credential.issuer"),
  text("credential.expires"),
  text("dst.addr"),
  text("dst.service"),
  { name: "dst_port", type: "INTEGER", key: "dst.port" },
  text("dst.owner"),
  text("protocol"),
  text("verdict"),
  text("reason"),
  text("rule"),
  { name: "rules", type: "VARCHAR[]", key: "rules" },
  text("position"),
  text("policy"),
  text("commit"),
  text("tls.version"),
  text("sni"),
  text("db.user"),
  text("db.name"),
  text("client.id"),
  number("bytes_sent"),
  number("bytes_recv"),
  { name: "duration_ms", type: "BIGINT", key: "duration", from: "TRY_CAST(rtrim(duration, 'ms') AS BIGINT)" },
  text("close"),
  text("error"),
  text("chain"),
  number("seq"),
  text("hash"),
];

/** Text as an SQL literal. */
export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A view `records` of these files. */
export function recordsView(files: readonly string[]): string {
  const parquet = files.filter((file) => file.endsWith(".parquet"));
  const lines = files.filter((file) => !file.endsWith(".parquet"));
  const parts = [
    ...(lines.length > 0 ? [fromLines(lines)] : []),
    ...(parquet.length > 0 ? [`SELECT * FROM read_parquet([${parquet.map(literal).join(", ")}])`] : []),
  ];
  return `CREATE VIEW records AS ${parts.join(" UNION ALL BY NAME ")}`;
}

function fromLines(files: readonly string[]): string {
  const types = COLUMNS.map(
    ({ key, type, from }) => `${literal(key)}: '${from === undefined ? type : "VARCHAR"}'`,
  );
  const columns = COLUMNS.map(({ name, key, from }) => `${from ?? `"${key}"`} AS ${name}`);
  const options = `format = 'newline_delimited', columns = {${types.join(", ")}}, filename = true, ignore_errors = true`;
  // A chain's own lines (start, checkpoint, …) are of no connection.
  return `SELECT ${columns.join(", ")}, filename AS file FROM read_json([${files.map(literal).join(", ")}], ${options}) WHERE connection IS NOT NULL`;
}
