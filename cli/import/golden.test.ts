import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ImportOptions } from "../../policy/import/index.ts";
import { run } from "../program.ts";
import { reportText } from "./report.ts";
import { type Accepted, importFolder } from "./run.ts";

const TESTDATA = "policy/import/testdata";
const NOW = Date.parse("2027-01-01T00:00:00Z");
const OPTIONS: ImportOptions = {
  rootNamespace: "istio-system",
  cluster: "main",
  istioVersion: "1.31",
  openAs: "namespaces",
  owner: "shop",
};
const WAIVER = { owner: "security", expires: "2027-03-01T00:00:00Z" };

/** The documents and the report as one text, as a person reads them. */
function golden(name: string, options: Partial<ImportOptions> = {}, accepted: Accepted = "none"): string {
  const done = importFolder(join(TESTDATA, name), { ...OPTIONS, ...options }, accepted, NOW);
  const errors = done.findings.filter(({ severity }) => severity === "error");
  return [
    ...done.files.values(),
    "=== report\n",
    reportText(done.result, false),
    `=== ${done.refused ? "refused" : "written"}; lint errors: ${errors.map(({ rule }) => rule).join(", ") || "none"}\n`,
  ].join("---\n");
}

describe("folders of ordinary YAML become policies; what has no equal and what differs is told", () => {
  const cases: readonly [string, string, Partial<ImportOptions>, Accepted][] = [
    ["orders", "orders", {}, "none"],
    ["sleep-httpbin", "sleep-httpbin", {}, "none"],
    ["tcp-echo", "tcp-echo", {}, "narrower"],
    ["ratings-mongo", "ratings-mongo", {}, "none"],
    ["egress-tcp", "egress-tcp", {}, "none"],
    ["open", "open", {}, "narrower"],
    ["open, exactly as it is", "open-anyone", { openAs: "anyone", waiver: WAIVER }, "none"],
    ["open, left alone", "open-list", { openAs: "list", waiver: WAIVER }, "narrower"],
    ["what has no equal", "legacy", {}, "narrower"],
  ];
  test.each(cases)("%s", async (_, name, options, accepted) => {
    const folder = name.replace(/-(anyone|list)$/, "");
    await expect(golden(folder, options, accepted)).toMatchFileSnapshot(
      `../../${TESTDATA}/golden/${name}.txt`,
    );
  });
});

describe("the command", () => {
  let folder: string;
  let written: { out: string; err: string };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "import-"));
    written = { out: "", err: "" };
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written.out += String(text);
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written.err += String(text);
      return true;
    });
    vi.spyOn(console, "error").mockImplementation((text) => {
      written.err += `${text}\n`;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });
  const imported = (...args: string[]) => run(["import", ...args, "--now", "2027-01-01"]);

  test("writes nothing while a verdict differs and nobody accepted it", async () => {
    const out = join(folder, "policies");
    expect(await imported(join(TESTDATA, "tcp-echo"), "--out", out)).toBe(1);
    expect(written.err).toContain("nothing written: 1 differences");
    expect(() => readdirSync(out)).toThrow();
    expect(written.out).toBe("");
  });

  test("says so when there is no service to import", async () => {
    const args = [join(TESTDATA, "orders"), "--namespace", "nowhere", "--out", join(folder, "policies")];
    expect(await imported(...args)).toBe(1);
    expect(written.err).toContain("nothing written: no service was imported");
  });

  test("writes a file a kind, which lint accepts", async () => {
    const out = join(folder, "policies");
    const flags = ["--out", out, "--allow-differences", "narrower", "--owner", "shop"];
    expect(await imported(join(TESTDATA, "tcp-echo"), ...flags)).toBe(0);
    expect(readdirSync(out).sort()).toEqual(["grants.yaml", "services.yaml", "trust.yaml", "workloads.yaml"]);
    expect(await run(["lint", out])).toBe(0);
    expect(readFileSync(join(out, "grants.yaml"), "utf8")).toContain("kind: Grant");
  });

  test("never writes over files that are there", async () => {
    writeFileSync(join(folder, "grants.yaml"), "mine");
    expect(await imported(join(TESTDATA, "orders"), "--out", folder)).toBe(2);
    expect(written.err).toContain(`${folder} holds files already: choose an empty folder`);
    expect(readFileSync(join(folder, "grants.yaml"), "utf8")).toBe("mine");
  });

  test.each([
    ["a folder with other YAML", [], "no Kubernetes or Istio objects found"],
    ["a trust domain with a scheme", ["--trust-domain", "spiffe://prod"], "without spiffe://"],
    [
      "a waiver without an owner",
      ["--waiver-expires", "2027-02-01"],
      "--waiver-expires needs --waiver-owner",
    ],
    ["a version without a number", ["--istio-version", "latest"], "write a version such as 1.31"],
  ])("%s is told in one line", async (_, flags, message) => {
    writeFileSync(join(folder, "values.yaml"), "replicas: 2\n");
    expect(await imported(folder, ...flags)).toBe(2);
    expect(written.err).toContain(message);
  });

  test("a policy that cannot be read stops the import, with its place", async () => {
    writeFileSync(
      join(folder, "bad.yaml"),
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p }\nspec: { action: MAYBE }\n",
    );
    expect(await imported(folder)).toBe(2);
    expect(written.err).toMatch(/bad\.yaml:\d+:\d+: error PR190: AuthorizationPolicy: spec\.action/);
  });
});
