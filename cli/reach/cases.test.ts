import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CliError, EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import { answerCases } from "./cases.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "reach-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stream that is slow on purpose: each piece is taken on a later turn, so that the writer has to wait. */
function collector(): { stream: Writable; text: () => string } {
  const pieces: string[] = [];
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      pieces.push(String(chunk));
      setImmediate(done);
    },
  });
  return { stream, text: () => pieces.join("") };
}

async function answer(...lines: string[]) {
  const file = join(folder, "cases.jsonl");
  writeFileSync(file, lines.join("\n"));
  const out = collector();
  const err = collector();
  const code = await answerCases(file, new Output(out.stream), new Output(err.stream));
  const split = (text: string) => text.split("\n").filter((line) => line !== "");
  return {
    code,
    out: split(out.text()),
    err: split(err.text()).map((line) => line.replace(`${folder}/`, "")),
  };
}

const pod = { kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };

test("each line is answered with its id, in order; blank lines are passed over", async () => {
  const { code, out, err } = await answer(
    '{"id":"none","objects":[]}',
    "",
    JSON.stringify({ id: 7, objects: [pod] }),
  );
  const world = "external:0.0.0.0-255.255.255.255";
  expect(out.map((line) => JSON.parse(line))).toEqual([
    { id: "none", connections: [] },
    {
      id: 7,
      connections: [
        { src: "default/a", dst: world, ports: "All Connections" },
        { src: world, dst: "default/a", ports: "All Connections" },
      ],
    },
  ]);
  expect({ code, err }).toEqual({ code: EXIT.ok, err: [] });
});

test("a line that cannot be answered is told with line and column, and the others are answered", async () => {
  const bad = {
    id: "bad",
    objects: [pod, { kind: "NetworkPolicy", metadata: { name: "p" }, spec: { ingress: 5 } }],
  };
  const { code, out, err } = await answer(
    '{"id":"a","objects":[]}',
    "{",
    '{"id":"b"}',
    JSON.stringify(bad),
    "[]",
  );
  expect(code).toBe(EXIT.failed);
  expect(out).toEqual(['{"id":"a","connections":[]}']);
  expect(err).toEqual([
    expect.stringMatching(/^cases\.jsonl:2:2: error PR190: not valid JSON: /),
    "cases.jsonl:3:1: error PR190: a case needs objects, a list of Kubernetes objects",
    expect.stringMatching(
      /^cases\.jsonl:4:\d+: error PR190: case "bad": NetworkPolicy\/default\/p: spec\.ingress: /,
    ),
    'cases.jsonl:5:1: error PR190: a case is an object {"id", "objects"}',
  ]);
  const column = Number(err[2]?.split(":")[2]);
  expect(JSON.stringify(bad).slice(column - 1)).toBe("5}}]}");
});

test("a warning does not keep a line from being answered", async () => {
  const host = { ...pod, spec: { hostNetwork: true } };
  const { code, out, err } = await answer(JSON.stringify({ id: "h", objects: [host] }));
  expect(code).toBe(EXIT.ok);
  expect(out).toHaveLength(1);
  expect(err).toEqual([
    expect.stringMatching(/^cases\.jsonl:1:22: warning PR193: case "h": Pod\/default\/a /),
  ]);
});

test("an answer longer than a piece of output arrives whole", async () => {
  const pods = Array.from({ length: 60 }, (_, i) => ({ ...pod, metadata: { name: `pod-number-${i}` } }));
  const { out } = await answer(JSON.stringify({ id: "many", objects: pods }));
  expect(JSON.parse(out[0] ?? "").connections).toHaveLength(60 * 59 + 120);
});

test("a file that is not there is a failure with its name", async () => {
  const nowhere = new Output(collector().stream);
  await expect(answerCases(join(folder, "none.jsonl"), nowhere, nowhere)).rejects.toThrow(CliError);
  await expect(answerCases(join(folder, "none.jsonl"), nowhere, nowhere)).rejects.toThrow(
    /^cannot read .*none\.jsonl: /,
  );
});
