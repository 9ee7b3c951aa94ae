import { describe, expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, type PolicyObject, service, workload } from "../../load/object.ts";
import { accessTable } from "../../model/access.ts";
import type { GrantSpecInput, ServiceSpecInput } from "../../schema/index.ts";
import { compileProxy } from "./compile.ts";
import { parseProxyConfig } from "./config-parse.ts";
import { loginEstate } from "./testdata/login-estate.ts";

const estate = loginEstate();
const reports = workload("shop/reports");
const api = workload("shop/api");
const ordersDb = (rest: Partial<ServiceSpecInput> = {}, users: string[] = ["reporting"]) =>
  service("orders-db", {
    protocol: "postgres",
    hosts: ["orders.example.com"],
    ports: [5432],
    location: { type: "external" },
    tls: { mode: "simple" },
    auth: "rds-iam",
    aws: { rds: { resourceId: "cluster-ABC", users } },
    ...rest,
  });
const cache = (
  rest: Partial<ServiceSpecInput> = {},
  kind: "serverless" | "replication-group" = "serverless",
) =>
  service("cache", {
    protocol: "redis",
    hosts: ["cache.example.com"],
    ports: [6379],
    location: { type: "external" },
    tls: { mode: "simple" },
    auth: "elasticache-iam",
    aws: { elasticache: { kind, replicationGroup: "sessions", users: ["api"] } },
    ...rest,
  });
const opens = (
  name: string,
  users: string[] | undefined,
  from: GrantSpecInput["from"] = { workloads: ["shop/reports"] },
  rest: Partial<GrantSpecInput> = {},
  to = "orders-db",
) => grant(name, { from, to: { service: to, ...(users && { users }) }, ...rest });

function compile(...objects: PolicyObject[]) {
  const model = loadModel({ objects: [estate, reports, api, ...objects] });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileProxy({ model, cluster });
  return { model, config: targets[0]?.object.config, findings };
}

describe("where the proxy logs in", () => {
  test("the configuration says how, and each rule as whom: the service's only user unless the grant names some", () => {
    const { config, findings } = compile(ordersDb(), opens("reports", undefined));
    expect(findings).toEqual([]);
    expect(config?.services[0]?.auth).toEqual({ type: "rds-iam", region: "eu-central-1" });
    expect(config?.rules).toMatchObject([{ id: "reports", loginUsers: ["reporting"] }]);
    parseProxyConfig(JSON.stringify(config), "proxy.json");
    const several = compile(
      ordersDb({}, ["reporting", "app", "admin"]),
      opens("reports", ["app", "reporting"]),
    );
    expect(several.findings).toEqual([]);
    expect(several.config?.rules).toMatchObject([{ loginUsers: ["app", "reporting"] }]);
  });

  test("a cache is named as IAM knows it", () => {
    const grants = opens("g", undefined, undefined, {}, "cache");
    expect(compile(cache(), grants).config?.services[0]?.auth).toEqual({
      type: "elasticache-iam",
      region: "eu-central-1",
      cache: "sessions",
      serverless: true,
    });
    expect(compile(cache({}, "replication-group"), grants).config?.services[0]?.auth).toEqual({
      type: "elasticache-iam",
      region: "eu-central-1",
      cache: "sessions",
    });
  });

  test("the token is signed for the host, where addresses are dialled instead of it", () => {
    const { config } = compile(
      ordersDb({ resolution: "static", endpoints: ["10.0.0.7"] }),
      opens("reports", undefined),
    );
    expect(config?.services[0]?.auth).toMatchObject({ host: "orders.example.com" });
  });

  test("a deny carries no users, and a service without auth none either", () => {
    const denies = compile(ordersDb(), opens("no", undefined, undefined, { action: "deny" }));
    expect(denies.config?.rules[0]).not.toHaveProperty("loginUsers");
    const plain = compile(ordersDb({ auth: "none" }), opens("reports", undefined));
    expect(plain.config?.rules[0]).not.toHaveProperty("loginUsers");
    expect(plain.config?.services[0]).not.toHaveProperty("auth");
  });

  test("who may log in as whom is part of the access, so that a diff shows it change", () => {
    const { model } = compile(ordersDb({}, ["a", "b"]), opens("reports", ["b"]));
    expect(accessTable(model)).toMatchObject([{ from: "shop/reports", conditions: ["as b"] }]);
    expect(model.digest).not.toBe(compile(ordersDb({}, ["a", "b"]), opens("reports", ["a"])).model.digest);
  });
});

describe("a login that would not happen, or of nobody in particular, is an error", () => {
  test.each<[string, PolicyObject[], RegExp]>([
    ["without TLS", [ordersDb({ tls: { mode: "none" } })], /without TLS/],
    ["by default without TLS", [ordersDb({ tls: { mode: "auto" } })], /without TLS/],
    [
      "of another protocol",
      [ordersDb({ protocol: "mongo" })],
      /a login to postgres and mysql, and it speaks mongo/,
    ],
    ["of another protocol", [cache({ protocol: "postgres" })], /a login to redis, and it speaks postgres/],
    [
      "past the proxy",
      [ordersDb({ location: { type: "external", egress: "gateway" } })],
      /has no effect: its clients do not pass/,
    ],
    [
      "of a user that is not listed",
      [ordersDb(), opens("g", ["root"])],
      /g maps to root, .* it has reporting/,
    ],
    ["of one of several", [ordersDb({}, ["a", "b"]), opens("g", undefined)], /does not say as whom/],
    [
      "for a deny",
      [ordersDb(), opens("g", ["reporting"], undefined, { action: "deny" })],
      /a deny logs nobody in/,
    ],
    [
      "where clients do",
      [ordersDb({ auth: "none" }), opens("g", ["reporting"])],
      /clients log in themselves/,
    ],
    [
      "of two users for one workload",
      [ordersDb({}, ["a", "b"]), opens("one", ["a"]), opens("two", ["b"])],
      /one and two open orders-db:5432 to one identity as different users/,
    ],
  ])("%s", (_, objects, message) => {
    expect(compile(...objects).findings).toEqual([
      expect.objectContaining({ rule: "PR610", severity: "error", message: expect.stringMatching(message) }),
    ]);
  });

  test("different users for different identities, or for the links of a chain, are none", () => {
    const dba = group("dba", { members: { idpGroups: ["okta:dba"] } });
    const bot = agent("bot", {
      identity: { type: "oidc", subject: "okta:bot" },
      onBehalfOf: { type: "group", group: "dba" },
      owner: "platform",
      expires: "2027-01-01",
      services: ["orders-db"],
      limits: { maxConnections: 1 },
    });
    const { findings } = compile(
      ordersDb({}, ["a", "b"]),
      dba,
      bot,
      opens("one", ["a"]),
      opens("two", ["b"], { workloads: ["shop/api"] }),
      opens("people", ["a", "b"], { groups: ["dba"] }),
      opens("agents", ["b"], { agents: ["bot"] }),
    );
    expect(findings).toEqual([]);
  });
});

test("clients of MSK behind the proxy are told that they log in themselves", () => {
  const kafka = service("events", {
    protocol: "kafka",
    hosts: ["b-1.example.com"],
    ports: [9098],
    location: { type: "external" },
    tls: { mode: "passthrough" },
    aws: { msk: { cluster: "events", uuid: "u" } },
  });
  expect(compile(kafka).findings).toMatchObject([{ rule: "PR617", severity: "info" }]);
});

describe("a proxy configuration by hand", () => {
  const good = compile(ordersDb(), opens("reports", undefined)).config;
  const parse = (change: (config: NonNullable<typeof good>) => unknown) => () => {
    if (!good) throw new Error("no configuration");
    parseProxyConfig(JSON.stringify(change(structuredClone(good))), "proxy.json");
  };
  const service0 = (rest: object) => (config: NonNullable<typeof good>) => ({
    ...config,
    services: [{ ...config.services[0], ...rest }],
  });
  const rule0 = (rest: object) => (config: NonNullable<typeof good>) => ({
    ...config,
    rules: [{ ...config.rules[0], ...rest }],
  });

  test.each<[string, (config: NonNullable<typeof good>) => unknown, RegExp]>([
    ["TLS", service0({ tls: { mode: "none" } }), /has no `tls`, and a login token is never sent without it/],
    [
      "a protocol of the login",
      service0({ ports: [{ port: 5432, protocol: "redis" }] }),
      /logs in to postgres and/,
    ],
    ["a user in each rule", rule0({ loginUsers: undefined }), /say with `loginUsers` as whom rule "reports"/],
    ["no user in a deny", rule0({ action: "deny" }), /logs nobody in/],
    ["no user without auth", service0({ auth: undefined }), /logs nobody in/],
  ])("must have %s", (_, change, message) => {
    expect(parse(change)).toThrow(message);
  });
});
