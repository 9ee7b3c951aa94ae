import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadModel } from "../../policy/load/index.ts";
import { PROTOCOLS } from "../../policy/schema/service.ts";
import { NOW } from "../../test/lint/breaches.ts";
import { runCases } from "../../testing/cases.ts";
import { lintPaths } from "../lint.ts";
import { readCases } from "../test/files.ts";
import { type Answers, collect, QUESTIONS } from "./answers.ts";
import { asking } from "./ask.ts";
import { writeStarter } from "./init.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve-init-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const silent = () => {};
const usual = (given: Partial<Answers> = {}) => collect(given, undefined, silent);
const lintOf = (dir: string) =>
  lintPaths([dir], NOW).findings.map(({ rule, message }) => `${rule} ${message}`);

describe("the starter", () => {
  const combinations = ["sidecar", "ambient"].flatMap((dataPlane) =>
    PROTOCOLS.map((protocol) => [dataPlane, protocol] as const),
  );
  it.each(combinations)("for %s and %s passes lint", async (dataPlane, protocol) => {
    const dir = join(folder, "deep/policies");
    writeStarter(dir, await usual({ dataPlane, protocol }));
    expect(lintOf(dir)).toEqual([]);
    const { results, untouched } = runCases(loadModel({ paths: [dir] }), readCases([dir]), NOW);
    expect(results.map(({ failure }) => failure)).toEqual([undefined]);
    expect(untouched).toEqual([]);
  });

  it("is what was asked for, whatever YAML would make of the names", async () => {
    const label = fc.oneof(
      fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/),
      fc.constantFrom("1", "true", "null", "0x1", "1e3", "on"),
    );
    await fc.assert(
      fc.asyncProperty(label, label, label, label, async (cluster, suffix, namespace, account) => {
        const service = /^[a-z]/.test(suffix) ? suffix : `x${suffix}`;
        const dir = mkdtempSync(join(folder, "p-"));
        writeStarter(
          dir,
          await usual({ cluster, service, workload: `${namespace}/${account}`, owner: "a: #b" }),
        );
        expect(lintOf(dir)).toEqual([]);
        expect(readFileSync(join(dir, "workloads.yaml"), "utf8")).toContain(account);
      }),
      { numRuns: 60 },
    );
  });

  it("overwrites nothing", async () => {
    const dir = join(folder, "used");
    mkdirSync(dir);
    writeFileSync(join(dir, "mine.yaml"), "mine");
    const answers = await usual();
    expect(() => writeStarter(dir, answers)).toThrow(/used is not empty \(it has mine\.yaml\)/);
    expect(readdirSync(dir)).toEqual(["mine.yaml"]);
    expect(() => writeStarter(join(dir, "mine.yaml"), answers)).toThrow(/no folder/);
  });
});

describe("the answers", () => {
  it.each([
    ["trustDomain", "Prod", /--trust-domain "Prod"/],
    ["port", "70000", /ports end at 65535/],
    ["workload", "api", /write namespace\/name/],
    ["dataPlane", "none", /choose one of sidecar, ambient/],
    ["host", "*.example.com", /name one host/],
    ["istioVersion", "2", /such as 1\.31/],
  ])("by flag are refused when they cannot be: %s %s", async (key, value, message) => {
    await expect(usual({ [key]: value })).rejects.toThrow(message);
  });

  it("are asked for where no flag gives them; empty is the usual, a wrong one is asked for again", async () => {
    const asked: string[] = [];
    const told: string[] = [];
    const replies: Record<string, string[]> = { "Its port": ["none", "6380"], "Its protocol": ["redis"] };
    const answers = await collect(
      { cluster: "use1" },
      async (question) => {
        asked.push(question);
        return (
          Object.entries(replies)
            .find(([start]) => question.startsWith(start))?.[1]
            .shift() ?? ""
        );
      },
      (text) => told.push(text),
    );
    expect(answers).toMatchObject({
      cluster: "use1",
      protocol: "redis",
      port: "6380",
      host: "orders-db.example.com",
    });
    expect(asked).toHaveLength(QUESTIONS.length - 1 + 1);
    expect(asked).toContain("Its port [6379]: ");
    expect(told).toEqual(["  write a port such as 5432\n"]);
  });

  it("that end before the last question end the command", async () => {
    const input = new PassThrough();
    const work = asking(input, new PassThrough(), (ask) => collect({}, ask, silent));
    input.write("prod.example.com\n");
    input.end();
    await expect(work).rejects.toThrow(/no more answers; nothing was written/);
  });
});
