import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PolicyError } from "../../policy/finding.ts";
import { documentText, NOW, serviceText, TRUST } from "../../test/lint/breaches.ts";
import { decideQuestion } from "./person.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve-decide-"));
  const text = [
    `${TRUST}---\n`,
    serviceText(
      "db",
      "{ protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }",
    ),
    documentText("Workload", "shop/api", "{}"),
    documentText("Workload", "shop/web", "{}"),
    documentText(
      "Grant",
      "api-db",
      '{ from: { namespaces: [shop] }, to: { service: db }, when: { expires: "2026-06-30" }, reason: orders }',
    ),
    documentText("Grant", "no-web", "{ action: deny, from: { workloads: [shop/web] }, to: { service: db } }"),
  ].join("");
  writeFileSync(join(folder, "p.yaml"), text);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const ask = (from: string, to = "db:5432", instant = NOW) =>
  decideQuestion([folder], { from, to }, instant, false);

describe("a question", () => {
  it("that is allowed names the grant, its place and reason", () => {
    const { text, exitCode } = ask("shop/api");
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^allow: shop\/api → db:5432 through the proxy\n/);
    expect(text).toMatch(/by Grant\/api-db \(.*p\.yaml:\d+:1\): orders/);
  });

  it("that is denied by a rule names the rule, and exits 1", () => {
    const { text, exitCode } = ask("shop/web", "db");
    expect(exitCode).toBe(1);
    expect(text).toContain("a deny names it");
    expect(text).toContain("by Grant/no-web");
  });

  it("is judged at the instant asked about", () => {
    expect(ask("shop/api", "db", Date.parse("2026-06-30")).exitCode).toBe(1);
  });

  it("about something unknown says what was probably meant", () => {
    expect(() => ask("shop/apl")).toThrow(PolicyError);
    expect(() => ask("shop/apl")).toThrow('did you mean "shop/api"?');
    expect(() => ask("shop/api", "dbx")).toThrow('unknown service "dbx"');
  });

  it("can be answered as JSON", () => {
    const { text } = decideQuestion([folder], { from: "shop/web", to: "db" }, NOW, true);
    expect(JSON.parse(text)).toMatchObject({
      verdict: "deny",
      reason: "denied-by-rule",
      rule: "no-web",
      via: "proxy",
      at: "2026-01-01T00:00:00.000Z",
    });
  });
});
