import { expect, test } from "vitest";
import { Observer } from "./observer.ts";

const record = (event: "close" | "update", connection: string, time: number, bytes = 10): string =>
  JSON.stringify({
    time: new Date(time).toISOString(),
    event,
    connection,
    "src.user": "okta:ann",
    "dst.service": "db",
    "dst.port": 5432,
    verdict: "allow",
    reason: "allowed",
    rule: "dba",
    bytes_sent: bytes,
  });

function observed(lines: readonly string[], since = 0, until = 1_000_000) {
  const observer = new Observer(since, until);
  for (const [index, line] of lines.entries()) observer.line(line, { file: "audit.jsonl", line: index + 1 });
  return observer.end();
}

test("a connection that still lives is use of its grant, once, as of its latest record", () => {
  const lines = [1_000, 2_000, 3_000].map((time) => record("update", "a", time, time));
  expect(observed(lines)).toMatchObject({
    records: 1,
    observed: [{ rules: ["dba"], count: 1, bytes: 3_000, first: 1_000, last: 3_000, lastAt: { line: 3 } }],
  });
});

test("one that ended counts once, however many records it has, and when it ended after the period as well", () => {
  const lines = [
    record("update", "a", 1_000),
    record("update", "b", 1_500),
    record("close", "a", 2_000, 20),
    record("close", "b", 9_000, 90),
  ];
  expect(observed(lines)).toMatchObject({ records: 2, observed: [{ count: 2, bytes: 110, first: 1_000 }] });
  expect(observed(lines, 0, 5_000)).toMatchObject({
    records: 2,
    observed: [{ count: 2, bytes: 30, last: 2_000 }],
  });
});

test("what lies before the period is no use in it", () => {
  expect(observed([record("update", "a", 1_000)], 5_000)).toMatchObject({
    records: 0,
    observed: [],
    covers: { from: 1_000, to: 1_000 },
  });
});
