import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import { validateCases } from "./cases.ts";
import { validateFiles } from "./files.ts";
import { parseManifests } from "./manifests.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "validate-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function sink(): { output: Output; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  return { output: new Output(stream), text: () => chunks.join("") };
}

const PEER = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: x, namespace: app}
`;

describe("files", () => {
  test("each reason stands at the value it is about, in a file of several documents", async () => {
    const path = write("a.yaml", `${PEER}---\n${PEER}spec:\n  mtls:\n    mode: LOOSE\n  nonsense: 1\n`);
    const { output, text } = sink();
    expect(await validateFiles([path], output)).toBe(EXIT.found);
    expect(text().split("\n")).toEqual([
      `${path}:10:11: error: PeerAuthentication app/x: spec.mtls.mode: "LOOSE" is not one of "UNSET", "DISABLE", "PERMISSIVE", "STRICT"`,
      `${path}:11:3: error: PeerAuthentication app/x: spec.nonsense: unknown field "nonsense"; remove it (known here: mtls, portLevelMtls, selector)`,
      "2 objects: 1 valid, 0 with warnings, 1 invalid",
      "",
    ]);
  });

  test("as JSON: the same reasons with their places, and the counts", async () => {
    const path = write("a.yaml", `${PEER}---\n${PEER}spec:\n  mtls:\n    mode: LOOSE\n`);
    const { output, text } = sink();
    expect(await validateFiles([path], output, "json")).toBe(EXIT.found);
    expect(JSON.parse(text())).toEqual({
      version: 1,
      counts: { valid: 1, warning: 0, invalid: 1, other: 0, unreadable: 0 },
      reasons: [
        {
          severity: "error",
          message: '"LOOSE" is not one of "UNSET", "DISABLE", "PERMISSIVE", "STRICT"',
          position: { file: path, line: 10, col: 11 },
          object: "PeerAuthentication app/x",
          path: "spec.mtls.mode",
        },
      ],
    });
  });

  test("warnings do not fail, and other kinds are counted", async () => {
    const path = write(
      "a.yaml",
      `${PEER}spec: {selector: {}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n`,
    );
    const { output, text } = sink();
    expect(await validateFiles([path], output)).toBe(EXIT.ok);
    expect(text()).toContain(
      "2 objects: 0 valid, 1 with warnings, 0 invalid, 1 of other kinds, not looked at",
    );
  });

  test("a folder is read with what is below it, JSON and lists too", async () => {
    const item = {
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x" },
      spec: { a: 1 },
    };
    const path = write("list.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] }));
    const { output, text } = sink();
    expect(await validateFiles([folder], output)).toBe(EXIT.found);
    expect(text()).toContain(`${path}:1:`);
  });

  test("what is not YAML is told with its place, and the rest is still looked at", async () => {
    const bad = write("a.yaml", "a: [\n");
    const double = write("b.yaml", "kind: A\nkind: B\n");
    write("c.yaml", PEER);
    const { output, text } = sink();
    expect(await validateFiles([folder], output)).toBe(EXIT.failed);
    expect(text()).toMatch(new RegExp(`^${bad}:2:1: error: not valid YAML: `));
    expect(text()).toContain(`${double}:2:1: error: not valid YAML: Map keys must be unique`);
    expect(text()).toContain("1 valid");
  });

  test("an unreadable path is said", async () => {
    await expect(validateFiles([join(folder, "none")], sink().output)).rejects.toThrow(/cannot read/);
  });
});

test("yes and on are booleans, as kubectl reads them", () => {
  const { manifests } = parseManifests("a: on\nb: 'on'\nc: no\n", "f");
  expect(manifests[0]?.object).toEqual({ a: true, b: "on", c: false });
});

test("a reason about what is not written stands at what encloses it", () => {
  const { manifests } = parseManifests("spec:\n  a: 1\n", "f");
  expect(manifests[0]?.locate(["spec", "b", 0])).toEqual({ file: "f", line: 1, col: 1 });
  expect(manifests[0]?.locate(["spec", "a"])).toEqual({ file: "f", line: 2, col: 6 });
});

describe("cases", () => {
  test("each line is answered with a line, in the same order", async () => {
    const object = { apiVersion: "security.istio.io/v1", metadata: { name: "x" } };
    const lines = [
      { id: "a", kind: "PeerAuthentication", object },
      { id: 2, kind: "PeerAuthentication", object: { ...object, spec: { selector: {} } } },
      { id: "c", kind: "PeerAuthentication", object: { ...object, spec: { mtls: 1 } } },
    ];
    const path = write("cases.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    const answers = sink();
    expect(await validateCases(path, answers.output, sink().output)).toBe(EXIT.ok);
    expect(
      answers
        .text()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { id: "a", verdict: "valid", reasons: [] },
      {
        id: 2,
        verdict: "warning",
        reasons: ["warning: spec.selector: has no labels, so it applies to every workload in the namespace"],
      },
      { id: "c", verdict: "invalid", reasons: ["spec.mtls: must be an object, not number 1"] },
    ]);
  });

  test("a line that is no case is told, and the others are answered", async () => {
    const path = write("cases.jsonl", '{"id":"a","object":{}}\nnonsense\n{"id":"b"}\n');
    const answers = sink();
    const errors = sink();
    expect(await validateCases(path, answers.output, errors.output)).toBe(EXIT.failed);
    expect(answers.text()).toMatch(/^\{"id":"a","verdict":"invalid"/);
    expect(errors.text()).toMatch(/cases\.jsonl:2:1: not valid JSON.*\n.*cases\.jsonl:3:1: a case is/);
  });
});
