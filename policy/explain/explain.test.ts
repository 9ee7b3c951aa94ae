import { describe, expect, it } from "vitest";
import { documentText, NOW, serviceText, TRUST } from "../../test/lint/breaches.ts";
import { loadPolicySet } from "../load/index.ts";
import { explain } from "./explain.ts";

const AGENT = `{ identity: { type: oidc, subject: "okta:bot" }, onBehalfOf: { type: user, user: "okta:ann" }, owner: o, expires: "2026-06-01", services: [db], limits: { maxConnections: 1 } }`;
const text =
  TRUST +
  "---\n" +
  serviceText(
    "db",
    "{ protocol: tcp, hosts: [db.example.com], ports: [5432, 6432], location: { type: external } }",
  ) +
  documentText("Workload", "shop/api", "{ selector: { app: api } }") +
  documentText("Workload", "shop/web", "{ selector: { app: web } }") +
  documentText("Group", "dba", '{ members: { idpGroups: ["okta:dba"] } }') +
  documentText("Group", "ann", '{ members: { users: ["okta:ann"] } }') +
  documentText("Agent", "bot", AGENT) +
  documentText("Grant", "api-db", "{ from: { workloads: [shop/api] }, to: { service: db, ports: [5432] } }") +
  documentText(
    "Grant",
    "two",
    "{ from: { workloads: [shop/api, shop/web] }, to: { service: db, ports: [6432] } }",
  ) +
  documentText(
    "Grant",
    "dba-db",
    '{ from: { groups: [dba] }, to: { service: db }, when: { expires: "2025-12-01" } }',
  ) +
  documentText(
    "Grant",
    "no-web",
    "{ action: deny, from: { workloads: [shop/web] }, to: { service: db, ports: [5432] } }",
  );

const about = (from: string, to: string, more: object = {}) => {
  const { model, documents } = loadPolicySet({ texts: [{ name: "p.yaml", text }] });
  const { verdict, point, grants, nearest, flip } = explain(model, documents, { from, to, ...more }, NOW);
  return {
    verdict: verdict.verdict,
    point,
    grants: grants.map(({ name }) => name),
    nearest: nearest && `${nearest.rule.id}: ${nearest.differs.map(({ text }) => text).join("; ")}`,
    flip,
  };
};

// That each change really turns the verdict, `explain` itself establishes: it asks `decide` of the changed policies.
describe("explain", () => {
  it("tells the grant that allows, and that taking it out would deny", () => {
    expect(about("shop/api", "db:5432")).toEqual({
      verdict: "allow",
      point: "proxy",
      grants: ["api-db"],
      nearest: "no-web: it is for shop/web",
      flip: ["remove Grant/api-db"],
    });
  });

  it("stops one of several with a deny of its own, not by taking the grant from all", () => {
    expect(about("shop/api", "db:6432").flip).toEqual(["add a Grant that denies shop/api → db:6432"]);
  });

  it("tells the deny that stands against it, and every step there is to take", () => {
    expect(about("shop/web", "db:5432")).toMatchObject({
      verdict: "deny",
      grants: ["no-web"],
      nearest: undefined,
      flip: ["remove Grant/no-web", "in Grant/two: add port 5432 to `to.ports`"],
    });
  });

  it("tells what a grant that almost matched lacks, and mends just that", () => {
    expect(about("okta:dba", "db:5432")).toMatchObject({
      verdict: "deny",
      nearest: "dba-db: it ended at 2025-12-01",
      flip: ["in Grant/dba-db: set `when.expires: 2026-01-31T00:00:00.000Z`"],
    });
  });

  it("holds a person against the grants for people, however near one for a workload is", () => {
    expect(about("okta:stranger", "db:5432").nearest).toContain("dba-db: it is for okta:dba");
  });

  it("takes a step for each party of a chain that has none", () => {
    expect(about("okta:ann+agent:bot", "db:5432").flip).toEqual([
      "add a Grant that allows Group/ann → db:5432",
      "add a Grant that allows agent bot → db:5432",
    ]);
  });

  it("offers nothing where no grant can help", () => {
    expect(about("spiffe://other.example.com/ns/x/sa/y", "db:5432").flip).toEqual([]);
  });
});
