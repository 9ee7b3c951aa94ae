import { describe, expect, it } from "vitest";
import { documentText, NOW, serviceText, TRUST } from "../../../test/lint/breaches.ts";
import { loadModel } from "../../load/index.ts";
import { diffAccess } from "./diff.ts";
import { sideOfModel } from "./side.ts";

const service = (host = "db.example.com", more = "") =>
  serviceText(
    "db",
    `{ protocol: tcp, hosts: [${host}], ports: [5432], location: { type: external }${more} }`,
  );
const agent = (user: string, expires = "2026-06-01") =>
  documentText(
    "Agent",
    "bot",
    `{ identity: { type: oidc, subject: "okta:bot" }, onBehalfOf: { type: user, user: "okta:${user}" }, owner: o, expires: "${expires}", services: [db], limits: { maxConnections: 1 } }`,
  );
const grant = (name: string, from: string, more = "") =>
  documentText("Grant", name, `{ from: { ${from} }, to: { service: db }${more} }`);
const workload = (account = "api") =>
  documentText("Workload", "shop/api", `{ selector: { app: api }, serviceAccount: ${account} }`);

const side = (text: string, trust = TRUST) =>
  sideOfModel(loadModel({ texts: [{ name: "p.yaml", text: `${trust}---\n${text}` }] }));
const diff = (before: string, after: string, trust?: string) =>
  diffAccess(side(before), side(after, trust), { now: NOW });
const rows = (before: string, after: string, trust?: string) =>
  diff(before, after, trust).changes.map(({ change, from, to, before, after, widens, because }) => ({
    row: `${change} ${from} ${to}`,
    before,
    after,
    widens,
    because: because.map(({ object, what }) => `${object} ${what}`),
  }));

describe("what a table of rules alone does not tell", () => {
  it("is for whom an agent acts, and until when", () => {
    const world = service() + grant("bot-db", "agents: [bot]");
    expect(rows(world + agent("ann"), world + agent("bob"))).toEqual([
      {
        row: "changed agent:bot db",
        before: ["via proxy, until 2026-06-01T00:00:00Z, on behalf of okta:ann"],
        after: ["via proxy, until 2026-06-01T00:00:00Z, on behalf of okta:bob"],
        widens: true,
        because: ["Agent/bot changed"],
      },
    ]);
    expect(rows(world + agent("ann"), world + agent("ann", "2026-03-01"))).toMatchObject([
      { row: "changed agent:bot db", widens: false, because: ["Agent/bot changed"] },
    ]);
  });

  it("is the limits: a new one narrows, one that goes or grows widens", () => {
    const limited = (limit: number) =>
      service() + workload() + grant("g", "workloads: [shop/api]", `, limits: { maxConnections: ${limit} }`);
    const free = service() + workload() + grant("g", "workloads: [shop/api]");
    expect(rows(free, limited(5))).toMatchObject([{ row: "changed shop/api db", widens: false }]);
    expect(rows(limited(5), free)).toMatchObject([{ row: "changed shop/api db", widens: true }]);
    expect(rows(limited(5), limited(6))).toMatchObject([
      { after: ["via proxy, at most 6 connections"], widens: true, because: ["Grant/g changed"] },
    ]);
  });

  it("is that a workload runs as another service account: another identity gains, the old one loses", () => {
    const world = service() + grant("g", "workloads: [shop/api]");
    expect(rows(world + workload(), world + workload("api-v2"))).toMatchObject([
      { row: "gained shop/api (service account api-v2) db", because: ["Workload/shop/api changed"] },
      { row: "lost shop/api (service account api) db", because: ["Workload/shop/api changed"] },
    ]);
  });

  it("is that a workload is only called otherwise: nobody gains", () => {
    const world = (name: string) =>
      service() +
      documentText("Workload", `shop/${name}`, "{ selector: { app: api }, serviceAccount: api }") +
      grant("g", `workloads: [shop/${name}]`);
    expect(rows(world("api"), world("api-server"))).toEqual([]);
  });

  it("is that a service leads somewhere else, if somebody may reach it", () => {
    const world = workload() + grant("g", "workloads: [shop/api]");
    expect(rows(service() + world, service("new.example.com") + world)).toEqual([
      {
        row: "changed everyone with access db",
        before: ['hosts ["db.example.com"]'],
        after: ['hosts ["new.example.com"]'],
        widens: true,
        because: ["Service/db changed"],
      },
    ]);
    expect(rows(service(), service("new.example.com"))).toEqual([]);
    expect(rows(service() + world, service("db.example.com", ", owner: data") + world)).toEqual([]);
  });

  it("is whom Trust counts as whom", () => {
    const aliased = TRUST.replace("  clusters:", "  trustDomainAliases: [old.example.com]\n  clusters:");
    expect(rows(service(), service(), aliased)).toMatchObject([
      {
        row: "changed everyone with access every service",
        after: ['trust domain aliases ["old.example.com"]'],
      },
    ]);
  });

  it("is the identity provider that Trust gains or changes, in the words of a reviewer", () => {
    const second = '{ name: idp, issuer: "https://idp.example.com", audiences: [shop] }';
    expect(
      rows(service(), service(), TRUST.replace("[portreeve] }", `[portreeve] }, ${second}`)),
    ).toMatchObject([
      {
        before: ["no identity provider idp"],
        after: ["identity provider idp (issuer https://idp.example.com, audiences shop)"],
      },
    ]);
    expect(rows(service(), service(), TRUST.replace("[portreeve]", "[portreeve, everybody]"))).toMatchObject([
      {
        before: ["identity provider okta: audiences portreeve"],
        after: ["identity provider okta: audiences portreeve everybody"],
      },
    ]);
  });

  it("is the member that a group gains, and the group is the cause", () => {
    const group = (members: string) =>
      documentText("Group", "dba", `{ members: { idpGroups: [${members}] } }`);
    const world = service() + grant("dba-db", "groups: [dba]");
    expect(rows(world + group('"okta:dba"'), world + group('"okta:dba", "okta:intern"'))).toMatchObject([
      { row: "gained okta:intern db", because: ["Group/dba changed"] },
    ]);
  });

  it("is that a waiver was added, as a note", () => {
    const waiver = documentText(
      "Waiver",
      "w",
      '{ rule: PR204, scope: [Service/db], owner: o, reason: legacy, expires: "2026-02-01" }',
    );
    expect(diff(service(), service() + waiver)).toMatchObject({
      changes: [],
      notes: [expect.stringMatching(/^waiver added: w of PR204 for Service\/db: legacy \(p\.yaml:\d+\)$/)],
    });
  });

  it("ended before now: to remove it changes nothing", () => {
    const old =
      service() + workload() + grant("g", "workloads: [shop/api]", ', when: { expires: "2025-12-01" }');
    expect(rows(old, service() + workload())).toEqual([]);
  });
});
