import { CliError } from "../exit.ts";

/** What a record must have; what is absent does not count. */
export interface Filter {
  readonly service?: string | undefined;
  readonly port?: number | undefined;
  readonly principal?: string | undefined;
  readonly group?: string | undefined;
  readonly agent?: string | undefined;
  readonly verdict?: string | undefined;
  readonly close?: string | undefined;
  readonly rule?: string | undefined;
  readonly connection?: string | undefined;
  /** Epoch milliseconds; from, and up to but without. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Also the records that a long connection gets while it lives. */
  readonly updates?: boolean | undefined;
}

type Values = Record<string, string | number>;

/** The filter as SQL, its values apart: none of them is ever part of the statement. */
export function whereOf(filter: Filter): { sql: string; values: Values } {
  const values: Values = {};
  const parts: string[] = [];
  const add = (name: string, value: string | number | undefined, sql: (value: string) => string): void => {
    if (value === undefined) return;
    values[name] = value;
    parts.push(sql(`$${name}`));
  };
  /** The same with a `*` for anything; every other character stands for itself. */
  const addText = (
    name: string,
    value: string | undefined,
    sql: (like: (column: string) => string) => string,
  ): void => {
    if (value === undefined) return;
    const isPattern = value.includes("*");
    values[name] = isPattern ? value.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%") : value;
    parts.push(sql((column) => (isPattern ? `${column} LIKE $${name} ESCAPE '\\'` : `${column} = $${name}`)));
  };
  const column = (name: keyof Filter & string, of: string): void => {
    const value = filter[name];
    if (typeof value === "string") addText(name, value, (like) => like(of));
  };
  const anyOf = (list: string, like: (column: string) => string): string =>
    `len(list_filter(${list}, lambda one: ${like("one")})) > 0`;
  if (filter.updates !== true) parts.push("event = 'close'");
  column("service", "dst_service");
  add("port", filter.port, (name) => `dst_port = ${name}`);
  addText("principal", filter.principal, (like) => {
    const sides = [
      "src_identity",
      "src_user",
      "src_role",
      "src_agent",
      "src_namespace || '/' || src_workload",
    ];
    return `(${sides.map(like).join(" OR ")})`;
  });
  addText("grp", filter.group, (like) => anyOf("src_groups", like));
  column("agent", "src_agent");
  column("verdict", "verdict");
  column("close", "close");
  addText("rule", filter.rule, (like) => `(${like("rule")} OR ${anyOf("rules", like)})`);
  column("connection", "connection");
  add("since", instantText(filter.since), (name) => `time >= CAST(${name} AS TIMESTAMP)`);
  add("until", instantText(filter.until), (name) => `time < CAST(${name} AS TIMESTAMP)`);
  return { sql: parts.length === 0 ? "true" : parts.join(" AND "), values };
}

function instantText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString().replace("Z", "");
}

/** StatementType.SELECT of DuckDB, which is not imported here because it may not be there. */
const SELECT = 1;

/** Only what reads: one statement, and a SELECT. @throws CliError */
export function checkReadOnly(type: number | undefined): void {
  if (type === SELECT) return;
  throw new CliError("--sql takes one SELECT over the table `records`; docs/audit.md has its columns");
}
