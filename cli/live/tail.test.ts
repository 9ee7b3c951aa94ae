import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Tail } from "./tail.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-tail-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const record = (id: string): string =>
  `${JSON.stringify({ time: "2026-11-21T12:00:00Z", event: "close", connection: id, verdict: "allow" })}\n`;
const idsOf = (tail: Tail): string[] => tail.read().records.map(({ connection }) => connection);

it("reads what is there, then what is added, and a line only when it is whole", () => {
  const file = join(dir, "audit.jsonl");
  writeFileSync(file, record("a"));
  const tail = new Tail([file]);
  expect(idsOf(tail)).toEqual(["a"]);
  const line = record("b");
  appendFileSync(file, line.slice(0, 20));
  expect(idsOf(tail)).toEqual([]);
  appendFileSync(file, `${line.slice(20)}not a record\n{"event":"checkpoint"}\n${record("c")}`);
  expect(idsOf(tail)).toEqual(["b", "c"]);
  tail.close();
});

it("reads a rotated file to its end and goes on with the new one", () => {
  const file = join(dir, "audit.jsonl");
  writeFileSync(file, record("a"));
  const tail = new Tail([file]);
  expect(idsOf(tail)).toEqual(["a"]);
  appendFileSync(file, record("b"));
  renameSync(file, `${file}.1`);
  expect(idsOf(tail)).toEqual(["b"]);
  writeFileSync(file, record("c"));
  expect(idsOf(tail)).toEqual(["c"]);
  // Truncated in place, as copytruncate does.
  writeFileSync(file, "");
  expect(idsOf(tail)).toEqual([]);
  appendFileSync(file, record("d"));
  expect(idsOf(tail)).toEqual(["d"]);
  tail.close();
});

it("in a folder follows the files of all workers, also one that comes later, and none that was rotated away", () => {
  writeFileSync(join(dir, "audit.jsonl.worker-1"), record("a"));
  writeFileSync(join(dir, "audit.jsonl.1"), record("old"));
  const tail = new Tail([dir]);
  expect(idsOf(tail)).toEqual(["a"]);
  writeFileSync(join(dir, "audit.jsonl.worker-2"), record("b"));
  expect(idsOf(tail)).toEqual(["b"]);
  tail.close();
});

it("says what it cannot read, and goes on when it can", () => {
  const file = join(dir, "audit.jsonl");
  const tail = new Tail([file]);
  expect(tail.read().problems).toEqual([`${file}: there is no such file`]);
  writeFileSync(file, record("a"));
  expect(idsOf(tail)).toEqual(["a"]);
  tail.close();
});

it("of a long file reads the end alone, and says what it passed over when more comes than can be shown", () => {
  const file = join(dir, "audit.jsonl");
  const many = Array.from({ length: 60_000 }, (_, n) => record(`n-${n}`)).join("");
  writeFileSync(file, many);
  const tail = new Tail([file]);
  const first = idsOf(tail);
  expect(first.length).toBeLessThan(60_000);
  expect(first.at(-1)).toBe("n-59999");
  appendFileSync(file, many);
  const { records, problems } = tail.read();
  expect(records.at(-1)?.connection).toBe("n-59999");
  expect(problems[0]).toMatch(/bytes passed over/);
  tail.close();
});
