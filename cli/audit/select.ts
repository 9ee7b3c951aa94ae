import type { DuckDBConnection } from "@duckdb/node-api";
import type { Row } from "./rows.ts";

/** Runs a SELECT; instants become RFC 3339 text, whole numbers numbers where they fit. */
export async function selectRows(
  connection: DuckDBConnection,
  sql: string,
  values: Record<string, string | number>,
): Promise<{ names: readonly string[]; rows: readonly Row[] }> {
  const result = await connection.stream(sql, values);
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes().map(String);
  const rows: Row[] = [];
  for await (const chunk of result.yieldRowsJson()) {
    for (const row of chunk) {
      rows.push(Object.fromEntries(names.map((name, index) => [name, plain(row[index], types[index])])));
    }
  }
  return { names, rows };
}

function plain(value: unknown, type: string | undefined): unknown {
  if (typeof value !== "string") return value;
  switch (type) {
    case "TIMESTAMP":
      return `${value.replace(" ", "T")}Z`;
    case "BIGINT":
    case "HUGEINT":
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    default:
      return value;
  }
}
