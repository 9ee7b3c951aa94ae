import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

it("gives the records of several workers in the order of time", () => {
  const times = (worker: number, seconds: readonly string[]) =>
    seconds.map((second) => record(`${worker}-${second}`).replace("12:00:00", `12:00:${second}`)).join("");
  writeFileSync(join(dir, "audit.jsonl.worker-0"), times(0, ["01", "03", "05"]));
  writeFileSync(join(dir, "audit.jsonl.worker-1"), times(1, ["02", "04", "06"]));
  const tail = new Tail([dir]);
  expect(idsOf(tail)).toEqual(["0-01", "1-02", "0-03", "1-04", "0-05", "1-06"]);
  tail.close();
});

it("in a folder reads the others when one cannot be read, and says which one that is", () => {
  symlinkSync(join(dir, "nowhere"), join(dir, "a.log"));
  writeFileSync(join(dir, "b.log"), record("b"));
  mkdirSync(join(dir, "c.log"));
  writeFileSync(join(dir, "d.log"), record("d"));
  const tail = new Tail([dir]);
  const { records, problems } = tail.read();
  expect(records.map(({ connection }) => connection)).toEqual(["b", "d"]);
  expect(problems).toEqual([
    `${join(dir, "a.log")}: there is no such file`,
    `${join(dir, "c.log")}: is no ordinary file`,
  ]);
  tail.close();
});

it("lets go of a file that was deleted, once it is read", () => {
  const file = join(dir, "audit.jsonl");
  writeFileSync(file, record("a"));
  const tail = new Tail([dir]);
  expect(idsOf(tail)).toEqual(["a"]);
  const open = (): number =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir);
      } catch {
        return false;
      }
    }).length;
  if (process.platform === "linux") expect(open()).toBe(1);
  appendFileSync(file, record("b"));
  rmSync(file);
  expect(idsOf(tail)).toEqual(["b"]);
  for (let look = 0; look < 5; look++) expect(idsOf(tail)).toEqual([]);
  if (process.platform === "linux") expect(open()).toBe(0);
  tail.close();
});
