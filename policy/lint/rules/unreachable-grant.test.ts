import { describe, expect, it } from "vitest";
import { breachesOf, documentText, serviceText } from "../../../test/lint/breaches.ts";
import { unreachableGrant } from "./unreachable-grant.ts";

describe("grants that nobody can use", () => {
  const world = [
    serviceText(
      "here",
      "{ protocol: tcp, hosts: [a.example.com], ports: [1], location: { type: external, clusters: [use1] } }",
    ),
    documentText("Workload", "shop/there", "{ clusters: [vip] }"),
    documentText("Workload", "shop/both", "{}"),
    documentText("Group", "empty", "{ members: {} }"),
    documentText("Group", "nested", "{ members: { groups: [empty] } }"),
    documentText(
      "Agent",
      "bot",
      '{ identity: { type: oidc, subject: "okta:b" }, onBehalfOf: { type: user, user: "okta:a" }, owner: o, expires: "2026-01-15", services: [here], limits: { maxConnections: 1 } }',
    ),
  ].join("");
  const found = (spec: string) =>
    breachesOf(
      unreachableGrant,
      world + documentText("Grant", "g", `{ to: { service: here }, ${spec} }`),
    ).map((line) => line.replace(/^\d+ \w+ /, ""));

  it.each([
    ["an empty group, also by nesting", "from: { groups: [nested] }", ["nobody is in the groups of g"]],
    [
      "an empty group beside somebody",
      "from: { groups: [empty], workloads: [shop/both] }",
      ["group empty of g has no members"],
    ],
    [
      "a workload of another cluster",
      "from: { workloads: [shop/there] }",
      ["no workload of g runs in a cluster that has here (use1)"],
    ],
    ["workloads of which one is there", "from: { workloads: [shop/there, shop/both] }", []],
    ["a workload elsewhere beside a namespace", "from: { workloads: [shop/there], namespaces: [shop] }", []],
    ["an agent", "from: { agents: [bot] }", []],
    [
      "an agent that expires before the grant begins",
      'from: { agents: [bot] }, when: { notBefore: "2026-02-01" }',
      ["every agent of g expires before it could use the grant"],
    ],
    [
      "an expired grant, which is told as such",
      'from: { groups: [empty] }, when: { expires: "2025-01-01" }',
      [],
    ],
    ["a deny for nobody", "action: deny, from: { groups: [empty] }", ["nobody is in the groups of g"]],
  ])("%s", (_, spec, expected) => {
    expect(found(spec)).toEqual(expected);
  });
});
