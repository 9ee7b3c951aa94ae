import { describe, expect, it } from "vitest";
import { breachesOf, documentText, serviceText } from "../../../test/lint/breaches.ts";
import { repeatedGrant } from "./repeated-grant.ts";

describe("allows that another gives already", () => {
  const world = [
    serviceText(
      "db",
      "{ protocol: tcp, hosts: [a.example.com], ports: [1, 2], location: { type: external } }",
    ),
    documentText("Workload", "shop/api", "{}"),
  ].join("");
  const found = (...allows: string[]) => {
    const grants = allows.map((allow, index) =>
      documentText("Grant", `g${index}`, `{ to: { service: db }, ${allow} }`),
    );
    return breachesOf(repeatedGrant, world + grants.join("")).map((line) => line.replace(/^\d+ \w+ /, ""));
  };
  const API = "from: { workloads: [shop/api] }";

  it("the narrower one is told; of two equal ones, the later by name", () => {
    expect(found(API, "from: { namespaces: [shop] }")).toEqual([
      "g0 gives nothing that g1 does not give already",
    ]);
    expect(found(API, API)).toEqual(["g1 gives nothing that g0 does not give already"]);
    expect(found(API, API, API)).toHaveLength(2);
  });

  it("a limit beside a grant without one is no limit", () => {
    expect(found(`${API}, limits: { maxConnections: 1 }`, `${API}, via: proxy`)).toEqual([
      "g0 gives nothing that g1 does not give already",
    ]);
    expect(found(`${API}, limits: { maxConnections: 1 }`, `${API}, limits: { maxConnections: 2 }`)).toEqual(
      [],
    );
  });

  it("not when it audits differently, lasts longer, or is for somebody else", () => {
    expect(found(`${API}, audit: required`, `${API}, via: proxy`)).toEqual([]);
    expect(found(API, `${API}, when: { expires: "2026-06-01" }`)).toEqual([
      "g1 gives nothing that g0 does not give already",
    ]);
    expect(found("from: { namespaces: [other] }", API)).toEqual([]);
  });
});
