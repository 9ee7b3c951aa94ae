import { describe, expect, it } from "vitest";
import { breachesOf, documentText, serviceText } from "../../../test/lint/breaches.ts";
import { shadowedGrant } from "./shadowed-grant.ts";

describe("allows that a deny takes back", () => {
  const world = [
    serviceText(
      "db",
      "{ protocol: tcp, hosts: [a.example.com], ports: [1, 2], location: { type: external } }",
    ),
    documentText("Workload", "shop/api", "{}"),
    documentText("Workload", "shop/web", "{}"),
    documentText(
      "Group",
      "both",
      '{ members: { workloads: [shop/api, shop/web], idpGroups: ["okta:dba"] } }',
    ),
  ].join("");
  const found = (allow: string, ...denies: string[]) => {
    const grants = denies.map((deny, index) =>
      documentText("Grant", `d${index}`, `{ action: deny, to: { service: db }, ${deny} }`),
    );
    return breachesOf(
      shadowedGrant,
      world + documentText("Grant", "a", `{ to: { service: db }, ${allow} }`) + grants.join(""),
    );
  };
  const API = "from: { workloads: [shop/api] }";

  it("by name, by namespace, by group", () => {
    expect(found(API, API)).toEqual([
      expect.stringContaining("warning a has no effect: d0 denies all of it"),
    ]);
    expect(found(API, "from: { namespaces: [shop] }")).toHaveLength(1);
    expect(found("from: { groups: [both] }", "from: { groups: [both] }")).toHaveLength(1);
    expect(
      found("from: { cidrs: [10.1.0.0/16] }", "from: { cidrs: [192.0.2.0/24, 10.0.0.0/8] }"),
    ).toHaveLength(1);
  });

  it("not when something is left: a port, somebody, a time, a condition of the deny", () => {
    expect(found(API, "from: { workloads: [shop/web] }")).toEqual([]);
    expect(found("from: { workloads: [shop/api, shop/web] }", API)).toEqual([]);
    expect(found("from: { groups: [both] }", "from: { namespaces: [shop] }")).toEqual([]);
    expect(found(API, "from: { workloads: [shop/api] }, when: { sourceCidrs: [10.0.0.0/8] }")).toEqual([]);
    expect(
      found(API, 'via: proxy, from: { workloads: [shop/api] }, when: { expires: "2026-06-01" }'),
    ).toEqual([]);
    expect(
      found(API, 'via: proxy, from: { workloads: [shop/api] }, when: { expires: "2020-06-01" }'),
    ).toEqual([]);
  });

  it("not by two denies that only together hold it all: it says what is certain", () => {
    expect(
      found("from: { workloads: [shop/api, shop/web] }", API, "from: { workloads: [shop/web] }"),
    ).toEqual([]);
  });
});
