/** Answers of `audit query` against a plain filter in JavaScript, and that a query reads records and nothing else. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRecords } from "./engine.ts";
import { checkReadOnly, type Filter, whereOf } from "./filter.ts";
import { logFiles } from "./log-files.ts";
import { COLUMNS } from "./records-table.ts";
import { csvOf, type Row, tableOf } from "./rows.ts";
import { selectRows } from "./select.ts";

let dir = "";
const HOSTILE = `x' OR true --"\u001b[31m`;
const SERVICES = ["orders-db", "orders-cache", "billing"];
const USERS = ["okta:a", "okta:b", undefined, HOSTILE];
const START = Date.parse("2026-11-01T00:00:00Z");

const records = Array.from({ length: 240 }, (_, index) => ({
  time: new Date(START + index * 60_000).toISOString(),
  event: index % 7 === 0 ? "update" : "close",
  connection: `c${index}`,
  "src.user": USERS[index % 4],
  "src.groups": index % 3 === 0 ? ["okta:dba"] : undefined,
  "src.agent": index % 5 === 0 ? "triage" : undefined,
  "src.namespace": "shop",
  "src.workload": index % 2 === 0 ? "api" : "worker",
  "dst.service": SERVICES[index % 3],
  "dst.port": index % 2 === 0 ? 5432 : 6379,
  verdict: index % 4 === 0 ? "deny" : "allow",
  close: index % 4 === 0 ? "denied" : "client-closed",
  rule: index % 4 === 0 ? undefined : `g${index % 2}`,
  rules: index % 8 === 1 ? ["g1", "other"] : undefined,
  duration: `${index}ms`,
}));
type Record = (typeof records)[number];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-query-"));
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  const start = `${JSON.stringify({ time: records[0]?.time, event: "start", proxy: "p" })}\n`;
  writeFileSync(join(dir, "audit.jsonl.1.gz"), gzipSync(start + lines.slice(0, 100).join("")));
  writeFileSync(join(dir, "audit.jsonl"), `${lines.slice(100).join("")}{"time":"2026-1`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function idsOf(filter: Filter): Promise<string[]> {
  const { sql, values } = whereOf(filter);
  return withRecords(logFiles([dir]), { memory: "256MB" }, async (connection) => {
    const { rows } = await selectRows(connection, `SELECT connection FROM records WHERE ${sql}`, values);
    return rows.map((row) => String(row["connection"])).sort();
  });
}

/** The filter again, plainly. `*` is only used at the end here. */
function matches(record: Record, filter: Filter): boolean {
  const like = (value: string | undefined, wanted: string | undefined): boolean =>
    wanted === undefined ||
    (wanted.endsWith("*") ? value?.startsWith(wanted.slice(0, -1)) === true : value === wanted);
  const who = [
    record["src.user"],
    record["src.agent"],
    `${record["src.namespace"]}/${record["src.workload"]}`,
  ];
  const at = Date.parse(record.time);
  return (
    (filter.updates === true || record.event === "close") &&
    like(record["dst.service"], filter.service) &&
    (filter.port === undefined || record["dst.port"] === filter.port) &&
    (filter.principal === undefined || who.some((one) => like(one, filter.principal))) &&
    (filter.group === undefined || record["src.groups"]?.some((one) => like(one, filter.group)) === true) &&
    like(record["src.agent"], filter.agent) &&
    like(record.verdict, filter.verdict) &&
    like(record.close, filter.close) &&
    (filter.rule === undefined ||
      like(record.rule, filter.rule) ||
      record.rules?.some((one) => like(one, filter.rule)) === true) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at < filter.until)
  );
}

const maybe = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });
const filters = fc.record({
  service: maybe("orders-db", "orders-*", "none"),
  port: maybe(5432, 6379),
  principal: maybe(
    "okta:a",
    "okta:*",
    "okta:?*",
    "okta:[ab]*",
    "%*",
    "okta_a*",
    "\\*",
    "shop/api",
    "triage",
    HOSTILE,
  ),
  group: maybe("okta:dba", "okta:*", "okta:_*", HOSTILE),
  agent: maybe("triage", "tri*"),
  verdict: maybe("allow", "deny"),
  close: maybe("denied"),
  rule: maybe("g0", "g1", "other", "g*", "g?*", "o*", "[go]*"),
  since: maybe(START + 30 * 60_000),
  until: maybe(START + 200 * 60_000),
  updates: maybe(true),
});

describe("audit query", () => {
  test("finds what a plain filter finds, in files of all kinds", async () => {
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        const expected = records
          .filter((record) => matches(record, filter))
          .map(({ connection }) => connection);
        expect(await idsOf(filter)).toEqual(expected.sort());
      }),
      { numRuns: 40 },
    );
  });

  test.each<[Filter, boolean]>([
    [{ rule: "g*" }, true],
    [{ rule: "oth*" }, true],
    [{ group: "okta:*" }, true],
    [{ principal: "okta:*" }, true],
    [{ principal: "okta:?*" }, false],
    [{ principal: "[o]kta:*" }, false],
    [{ principal: "okta_a*" }, false],
    [{ service: "%*" }, false],
    [{ agent: "tria_e*" }, false],
  ])("has a * for anything, and every other character for itself: %j", async (filter, finds) => {
    const expected = records.filter((record) => matches(record, filter)).map(({ connection }) => connection);
    expect(await idsOf(filter)).toEqual(expected.sort());
    expect(expected.length > 0).toBe(finds);
  });

  test.each([
    ["another file", "SELECT * FROM read_text('/etc/hostname')"],
    ["the network", "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')"],
    ["a file to write", "COPY (SELECT 1) TO '/tmp/portreeve-must-not-be.csv'"],
    ["a setting", "SET enable_external_access = true"],
    ["another database", "ATTACH '/tmp/portreeve-must-not-be.db'"],
  ])("refuses %s even without the check of the statement", async (_, sql) => {
    const run = withRecords(logFiles([dir]), { memory: "256MB" }, (connection) => connection.run(sql));
    await expect(run).rejects.toThrow(/disabled by configuration|locked|not (be )?allowed|extension/i);
  });

  test("takes one SELECT only", () => {
    expect(() => checkReadOnly(1)).not.toThrow();
    for (const type of [undefined, 2, 11, 20]) expect(() => checkReadOnly(type)).toThrow(/one SELECT/);
  });
});

describe("what is shown", () => {
  const rows: Row[] = [
    { user: `a\u001b[31m\u009b1m\u202e`, n: -1 },
    { user: "=cmd()", n: null },
  ];
  test("cannot move a terminal's cursor", () => {
    expect(tableOf(["user", "n"], rows).split("\n")[1]).toBe("a\\u001b[31m\\u009b1m\\u202e  -1");
  });
  test("is no formula in a spreadsheet", () => {
    expect(csvOf(["user", "n"], rows).split("\r\n")[2]).toBe("'=cmd(),");
  });
});

test("the documented tables have every column, in order", () => {
  const docs = readFileSync(join(import.meta.dirname, "../../docs/audit.md"), "utf8");
  const tables = [...docs.matchAll(/CREATE (?:EXTERNAL )?TABLE portreeve_records \(([^;]*?)\n\)/g)];
  expect(tables).toHaveLength(2);
  for (const [, columns = ""] of tables) {
    expect([...columns.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(
      COLUMNS.map(({ name }) => name),
    );
  }
});
