import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documentText, findingsOf, NOW, serviceText, TRUST } from "../../test/lint/breaches.ts";
import type { Finding } from "../finding.ts";
import { loadPolicySet } from "../load/index.ts";
import { guardrails, lint, ruleInfo } from "./index.ts";

const ids = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);

describe.each(guardrails.map((rule) => [rule.id, rule.title, rule] as const))("%s %s", (id, _, rule) => {
  it("finds its own bad example, at a place in the file, and says what to do", () => {
    const found = findingsOf(rule.bad).filter((finding) => finding.rule === id);
    expect(found.length).toBeGreaterThan(0);
    for (const { position, fix, object } of found) {
      expect(position?.file).toBe("policy.yaml");
      expect(fix).toBeTruthy();
      expect(rule.bad).toContain(`kind: ${object?.split("/")[0]}`);
    }
  });

  it("lets its own good example pass", () => {
    expect(ids(findingsOf(rule.good))).not.toContain(id);
  });

  it("is told why, in words", () => {
    expect(rule.why.length).toBeGreaterThan(40);
    expect(rule.id).toMatch(/^PR[2-6]\d\d$/);
  });
});

describe("rule ids", () => {
  const sources = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|gen)\.ts$/.test(entry.name))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));

  it("are all registered, wherever in policy/ a finding is made", () => {
    const root = join(import.meta.dirname, "..");
    const used = new Set(
      sources(root).flatMap((text) => [...text.matchAll(/"(PR\d{3})"/g)].map((match) => match[1])),
    );
    expect([...used].filter((id) => id !== undefined && !ruleInfo.has(id)).sort()).toEqual([]);
    expect(used.size).toBeGreaterThan(40);
  });

  it("are given once", () => {
    const root = join(import.meta.dirname);
    const given = sources(root).flatMap((text) =>
      [...text.matchAll(/(?:\bid: |\brule\(\s*)"(PR\d{3})"/g)].map((match) => match[1]),
    );
    expect(given.length).toBe(new Set(given).size);
    expect(given.length).toBe(ruleInfo.size);
  });
});

describe("waivers", () => {
  const service = serviceText(
    "metrics",
    "{ protocol: tcp, ports: [9100], location: { type: mesh, namespace: shop, selector: { app: m } }, tls: { mode: none } }",
  );
  const waiver = (rule: string, expires: string, scope = "Service/metrics") =>
    documentText(
      "Waiver",
      "scrape",
      `{ rule: ${rule}, scope: [${scope}], owner: sre, reason: old scraper, expires: "${expires}" }`,
    );
  const errors = (text: string): string[] =>
    findingsOf(text)
      .filter(({ severity }) => severity === "error")
      .map(({ rule, message }) => `${rule} ${message}`);

  it("a valid one turns the breach it names into information, with owner, reason and end", () => {
    const text = service + waiver("PR501", "2026-06-30");
    expect(errors(text)).toEqual([]);
    expect(findingsOf(text).find(({ rule }) => rule === "PR501")).toMatchObject({
      severity: "info",
      message: expect.stringContaining("waived until 2026-06-30 by sre: old scraper"),
    });
  });

  it("one that has expired excuses nothing and is an error; the last instant still counts", () => {
    const text = service + waiver("PR501", "2026-01-01T00:00:00Z");
    expect(errors(text)).toEqual([
      "PR501 metrics is to accept clients without a certificate",
      "PR440 waiver scrape of sre expired on 2026-01-01T00:00:00Z",
    ]);
    expect(ids(findingsOf(text, NOW - 1).filter(({ severity }) => severity === "error"))).toEqual([]);
  });

  it("one for a rule that does not exist, or that cannot be waived, is an error and excuses nothing", () => {
    expect(errors(service + waiver("PR599", "2026-06-30"))).toContain(
      "PR441 waiver scrape: there is no rule PR599",
    );
    expect(errors(service + waiver("PR440", "2026-06-30"))).toContain(
      "PR441 waiver scrape: PR440 (Expired waiver) cannot be waived",
    );
    expect(errors(service + waiver("PR404", "2026-06-30"))).toContain(
      "PR501 metrics is to accept clients without a certificate",
    );
  });

  it("one that excuses nothing is told; each object of its scope for itself", () => {
    const other = serviceText(
      "db",
      "{ protocol: tcp, hosts: [db.example.com], ports: [1], location: { type: external } }",
    );
    const text = service + other + waiver("PR501", "2026-06-30", "Service/metrics, Service/db");
    expect(
      findingsOf(text)
        .filter(({ rule }) => rule === "PR442")
        .map(({ message }) => message),
    ).toEqual(["waiver scrape excuses nothing: Service/db does not breach PR501"]);
  });

  it("covers its own rule and object only", () => {
    const twin = service.replace("name: metrics", "name: other").replace("app: m", "app: o");
    expect(errors(service + twin + waiver("PR501", "2026-06-30"))).toEqual([
      "PR501 other is to accept clients without a certificate",
    ]);
  });
});

describe("lint", () => {
  const text = guardrails.find(({ id }) => id === "PR501")?.bad ?? "";

  it("points at the field with the documents at hand, else at the object", () => {
    const { model, documents } = loadPolicySet({
      texts: [
        { name: "p.yaml", text },
        { name: "t.yaml", text: TRUST },
      ],
    });
    const at = (findings: Finding[]) => findings.find(({ rule }) => rule === "PR501")?.position;
    expect(at(lint(model, { now: NOW, sources: documents }))).toEqual({ file: "p.yaml", line: 8, col: 16 });
    expect(at(lint(model, { now: NOW }))).toEqual({ file: "p.yaml", line: 1, col: 1 });
  });

  it("tells a compiler's finding that a guardrail tells too only once, and adds the others", () => {
    const { model } = loadPolicySet({
      texts: [
        { name: "p.yaml", text },
        { name: "t.yaml", text: TRUST },
      ],
    });
    const compiled: Finding[] = [
      { rule: "PR501", severity: "error", message: "as compiled", object: "Service/metrics" },
      { rule: "PR404", severity: "error", message: "only compiled", object: "Service/metrics" },
    ];
    const messages = lint(model, { now: NOW, compiled }).map(({ message }) => message);
    expect(messages).not.toContain("as compiled");
    expect(messages).toContain("only compiled");
  });

  it("finds the same whatever the order of the documents", () => {
    const documents = guardrails.flatMap(({ id, bad }) =>
      ["PR304", "PR432"].includes(id) ? [] : [{ id, bad }],
    );
    for (const { bad } of documents) {
      const parts = bad.split("---\n");
      const messages = (pieces: string[]) =>
        findingsOf(pieces.join("---\n"))
          .map(({ message }) => message)
          .sort();
      expect(messages([...parts].reverse())).toEqual(messages(parts));
    }
  });
});
