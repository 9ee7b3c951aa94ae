import { describe, expect, it } from "vitest";
import { loadModel } from "../policy/load/index.ts";
import { documentText, NOW, serviceText, TRUST } from "../test/lint/breaches.ts";
import { type AccessCase, runCases } from "./cases.ts";

const model = loadModel({
  texts: [
    {
      name: "p.yaml",
      text:
        TRUST +
        "---\n" +
        serviceText(
          "db",
          "{ protocol: tcp, hosts: [db.example.com], ports: [5432], location: { type: external } }",
        ) +
        documentText("Workload", "shop/api", "{ selector: { app: api } }") +
        documentText("Workload", "shop/web", "{ selector: { app: web } }") +
        documentText(
          "Grant",
          "api-db",
          '{ from: { workloads: [shop/api] }, to: { service: db }, when: { expires: "2026-06-01" } }',
        ) +
        documentText(
          "Grant",
          "no-web",
          "{ action: deny, from: { workloads: [shop/web] }, to: { service: db } }",
        ),
    },
  ],
});
const run = (...cases: AccessCase[]) =>
  runCases(
    model,
    cases.map((each) => ({ case: each, position: undefined })),
    NOW,
  );
const failures = (...cases: AccessCase[]) => run(...cases).results.map(({ failure }) => failure);

describe("cases", () => {
  it("hold when the verdict and the grant behind it are as expected", () => {
    expect(
      failures(
        { from: "shop/api", to: "db", expect: "allow", by: "api-db" },
        { from: "shop/api", to: "db:5432", expect: "deny", at: "2026-07-01T00:00:00Z" },
        { from: "shop/web", to: "db", expect: "deny", by: "no-web" },
      ),
    ).toEqual([undefined, undefined, undefined]);
  });

  it("fail with what is so, and for names that the policies do not know", () => {
    expect(
      failures(
        { from: "shop/web", to: "db", expect: "allow" },
        { from: "shop/api", to: "db", expect: "allow", by: "other" },
        { from: "shop/apx", to: "db", expect: "deny" },
      ),
    ).toEqual([
      expect.stringMatching(/^shop\/web → db: expected allow, but no-web \(p\.yaml:\d+:1\) denies it$/),
      expect.stringMatching(/expected allow by other, but api-db \(p\.yaml:\d+:1\) allows it$/),
      expect.stringMatching(/unknown workload "shop\/apx"/),
    ]);
  });

  it("cover the grants that their verdicts rest on, and no other", () => {
    expect(run({ from: "shop/api", to: "db", expect: "allow" })).toMatchObject({
      untouched: ["no-web"],
      grants: 2,
    });
    expect(run({ from: "shop/apx", to: "db", expect: "deny" }).untouched).toEqual(["api-db", "no-web"]);
  });
});
