import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import type { GrantSpecInput, ServiceSpecInput, TrustSpecInput } from "../../schema/index.ts";
import { compileProxy } from "./compile.ts";
import { parseProxyConfig } from "./config-parse.ts";
import { proxyDuration } from "./scalar.ts";

const estate = (rest: Partial<TrustSpecInput> = {}, dataPlane: "sidecar" | "ambient" = "sidecar") =>
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [{ name: "use1", dataPlane, istioVersion: "1.31" }],
    identityProviders: {
      oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
      aws: [{ name: "prod", account: "111122223333", regions: ["us-east-1", "cn-north-1"] }],
    },
    ...rest,
  });
const external = (name: string, rest: Partial<ServiceSpecInput> = {}) =>
  service(name, {
    protocol: "postgres",
    hosts: [`${name}.example.com`],
    ports: [5432],
    location: { type: "external" },
    ...rest,
  });
const inMesh = (rest: Partial<Extract<ServiceSpecInput["location"], { type: "mesh" }>> = {}) =>
  service("inventory", {
    protocol: "grpc",
    ports: [{ port: 80, targetPort: 8080 }],
    location: { type: "mesh", namespace: "stock", selector: { app: "inventory" }, ...rest },
  });
const dba = group("dba", { members: { idpGroups: ["okta:dba"] } });
const toDba = (name: string, to: string, rest: Partial<GrantSpecInput> = {}) =>
  grant(name, { from: { groups: ["dba"] }, to: { service: to }, ...rest });

function compile(objects: PolicyObject[]) {
  const model = loadModel({ objects });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileProxy({ model, cluster });
  const shards = targets.map(({ object }) => object);
  // The proxy reads what the compiler writes, whatever the case.
  for (const { name, config } of shards) parseProxyConfig(JSON.stringify(config), name);
  return { model, shards, findings, config: shards[0]?.config };
}

describe("a listener", () => {
  test("stands for each port of an external service, beside the shared one", () => {
    expect(compile([estate(), external("orders-db", { ports: [5432, 5433] })]).config?.listeners).toEqual([
      { name: "connect", mode: "connect", port: 8443 },
      { name: "orders-db-5432", mode: "mtls", port: 24825, service: "orders-db", servicePort: 5432 },
      {
        name: "orders-db-5433",
        mode: "mtls",
        port: expect.any(Number),
        service: "orders-db",
        servicePort: 5433,
      },
    ]);
  });

  test("for HBONE is there in an ambient cluster, and nowhere else", () => {
    const modes = (objects: PolicyObject[]) =>
      compile(objects).config?.listeners.map(({ mode, port }) => [mode, port]);
    expect(modes([estate({}, "ambient"), external("orders-db")])).toEqual([
      ["connect", 8443],
      ["hbone", 15_008],
      ["mtls", 24_825],
    ]);
    expect(modes([estate(), external("orders-db")])).toEqual([
      ["connect", 8443],
      ["mtls", 24_825],
    ]);
  });

  test("keeps its port when other services come", () => {
    const port = (objects: PolicyObject[]) =>
      compile(objects).config?.listeners.find(({ name }) => name === "orders-db-5432")?.port;
    const others = ["a", "b", "z"].map((name) => external(name));
    expect(port([estate(), external("orders-db"), ...others])).toBe(port([estate(), external("orders-db")]));
  });

  test("of the shared port must not be one of the services' own", () => {
    const { findings } = compileOnly([estate({ proxy: { connectPort: 24825 } }), external("orders-db")]);
    expect(findings).toMatchObject([{ rule: "PR208", severity: "error" }]);
  });
});

/** Without reading it back, for configurations that have errors. */
function compileOnly(objects: PolicyObject[]) {
  const model = loadModel({ objects });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  return compileProxy({ model, cluster });
}

describe("a service", () => {
  const of = (...objects: PolicyObject[]) => compile([estate(), ...objects]).config?.services[0];

  test("is dialled by its hosts, with the limits that the policy states or the policy's defaults", () => {
    expect(of(external("orders-db", { owner: "shop", hosts: ["a.example.com", "b.example.com"] }))).toEqual({
      name: "orders-db",
      owner: "shop",
      ports: [{ port: 5432, protocol: "postgres" }],
      endpoints: [{ host: "a.example.com" }, { host: "b.example.com" }],
      tls: { mode: "none" },
      connectTimeout: "10s",
      idleTimeout: "1h",
      audit: "standard",
      mesh: { host: "a.example.com" },
    });
    expect(
      of(
        external("orders-db", {
          ports: [{ port: 5432, targetPort: 6543 }],
          resolution: "static",
          endpoints: ["192.0.2.7", "2001:db8::7"],
          limits: {
            maxConnections: 50,
            connectTimeout: "1500ms",
            idleTimeout: "8h",
            maxConnectionDuration: "1h30m",
            tcpKeepalive: { time: "2m" },
          },
          outlierDetection: { consecutiveFailures: 3, baseEjectionTime: "1m", maxEjectionPercent: 10 },
        }),
      ),
    ).toMatchObject({
      ports: [{ port: 5432, protocol: "postgres", targetPort: 6543 }],
      endpoints: [{ host: "192.0.2.7" }, { host: "2001:db8::7" }],
      connectTimeout: "1500ms",
      idleTimeout: "8h",
      maxDuration: "90m",
      keepalive: "2m",
      limits: { maxConnections: 50 },
      outlier: { consecutiveFailures: 3, baseEjection: "1m", maxEjectedPercent: 10 },
    });
  });

  test.each<[string, ServiceSpecInput["tls"], object]>([
    ["auto", { mode: "auto" }, { mode: "none" }],
    ["passthrough", { mode: "passthrough" }, { mode: "none" }],
    ["simple", { mode: "simple" }, { mode: "simple", sni: "orders-db.example.com" }],
    [
      "simple with names",
      { mode: "simple", ca: "/etc/portreeve/ca/rds.pem", sni: "rds", subjectAltNames: ["rds-1"] },
      { mode: "simple", ca: "/etc/portreeve/ca/rds.pem", sni: "rds", subjectAltNames: ["rds-1"] },
    ],
    ["mutual", { mode: "mutual" }, { mode: "mutual", sni: "orders-db.example.com" }],
    [
      "mutual with a credential",
      { mode: "mutual", credential: "client" },
      {
        mode: "mutual",
        sni: "orders-db.example.com",
        certificate: {
          cert: "/etc/portreeve/credentials/client/tls.crt",
          key: "/etc/portreeve/credentials/client/tls.key",
        },
      },
    ],
  ])("with tls %s", (_, tls, expected) => {
    expect(of(external("orders-db", tls ? { tls } : {}))?.tls).toEqual(expected);
  });

  test("in the mesh is dialled with mutual TLS, and must have its own identity", () => {
    const identity = ["spiffe://prod.example.com/ns/stock/sa/inventory"];
    expect(of(inMesh({ serviceAccount: "inventory" }), dba, toDba("g", "inventory"))).toMatchObject({
      ports: [{ port: 80, protocol: "grpc" }],
      endpoints: [{ host: "inventory.stock.svc.cluster.local" }],
      tls: { mode: "mutual", spiffeIds: identity },
      mesh: { host: "inventory.stock.svc.cluster.local", namespace: "stock" },
    });
    const pods = workload("stock/inventory", { selector: { app: "inventory", tier: "db" } });
    expect(of(inMesh(), pods, dba, toDba("g", "inventory"))?.tls).toEqual({
      mode: "mutual",
      spiffeIds: identity,
    });
    expect(compile([estate(), inMesh(), dba, toDba("g", "inventory")]).findings).toMatchObject([
      { rule: "PR511", severity: "error" },
    ]);
  });

  test("behind ztunnel is dialled by HBONE, pod by pod, and must have its own identity", () => {
    const objects = [estate({}, "ambient"), inMesh({ serviceAccount: "x" }), dba, toDba("g", "inventory")];
    const { config, findings } = compile(objects);
    expect(findings).toEqual([]);
    expect(config?.services[0]).toMatchObject({
      endpoints: [{ host: "portreeve-inventory-pods.stock.svc.cluster.local" }],
      tls: { mode: "mutual", spiffeIds: ["spiffe://prod.example.com/ns/stock/sa/x"], hbone: 15_008 },
    });
  });

  test.each<[string, Partial<ServiceSpecInput>]>([
    ["a wildcard host", { hosts: ["*.example.com"] }],
    ["resolution none", { resolution: "none" }],
  ])("with %s cannot be dialled", (_, rest) => {
    expect(compileOnly([estate(), external("orders-db", rest)]).findings).toMatchObject([
      { rule: "PR209", severity: "error", object: "Service/orders-db" },
    ]);
  });

  test("takes the strictest audit of its grants", () => {
    const audit = (...levels: ("none" | "standard" | "required")[]) =>
      of(
        external("orders-db"),
        dba,
        ...levels.map((level, index) => toDba(`g${index}`, "orders-db", { audit: level })),
      )?.audit;
    expect([audit("none"), audit("none", "standard"), audit("none", "required"), audit()]).toEqual([
      "none",
      "standard",
      "required",
      "standard",
    ]);
  });
});

describe("a rule", () => {
  const rule = (rest: Partial<GrantSpecInput>, from: GrantSpecInput["from"] = { groups: ["dba"] }) =>
    compile([
      estate(),
      external("orders-db"),
      workload("shop/api"),
      dba,
      grant("g", { from, to: { service: "orders-db" }, ...rest }),
    ]);

  test("carries instants with their zone, and where it was written without this machine's folders", () => {
    const { config } = rule({ when: { notBefore: "2026-01-01", expires: "2027-03-31T00:00+02:00" } });
    expect(config?.rules).toEqual([
      {
        id: "g",
        action: "allow",
        service: "orders-db",
        ports: [5432],
        subjects: { idpGroups: ["okta:dba"] },
        when: { notBefore: "2026-01-01T00:00:00.000Z", expires: "2027-03-30T22:00:00.000Z" },
        origin: { file: "proxy/compile.test.ts", line: expect.any(Number), col: expect.any(Number) },
      },
    ]);
  });

  test("bounds each principal, whether it names one or a group of them", () => {
    const limits = { maxConnections: 3, connectionsPerMinute: 9, maxConnectionDuration: "90s", maxBytes: 10 };
    for (const from of [{ workloads: ["shop/api"] }, undefined]) {
      const { config, findings } = rule({ limits }, from);
      expect(config?.rules[0]?.limits).toEqual({
        maxConnectionsPerPrincipal: 3,
        connectionsPerMinutePerPrincipal: 9,
        maxDuration: "90s",
        maxBytes: 10,
      });
      expect(findings).toEqual([]);
    }
  });
});

test("an agent is known to every shard, with whom it acts for and its bounds", () => {
  const bot = agent("bot", {
    identity: { type: "workload", workload: "ai/bot" },
    onBehalfOf: { type: "group", group: "dba" },
    owner: "platform",
    expires: "2027-01-01",
    services: ["orders-db"],
    limits: { maxConnections: 2, connectionsPerMinute: 30, maxBytes: 9, maxConnectionDuration: "1h" },
  });
  const { shards } = compile([
    estate({ proxy: { shards: 4 } }),
    ...["orders-db", "a", "b", "c", "d", "e"].map((name) => external(name)),
    workload("ai/bot"),
    dba,
    bot,
  ]);
  expect(shards.length).toBeGreaterThan(1);
  expect(shards.flatMap(({ services }) => services).sort()).toEqual(["a", "b", "c", "d", "e", "orders-db"]);
  for (const { config } of shards) {
    expect(config.agents).toEqual([
      {
        name: "bot",
        owner: "platform",
        workloads: ["spiffe://prod.example.com/ns/ai/sa/bot"],
        onBehalfOf: { users: [], idpGroups: ["okta:dba"] },
        tokens: [],
        expires: "2027-01-01T00:00:00.000Z",
        maxConnections: 2,
        maxBytes: 9,
        connectionsPerMinute: 30,
        maxDuration: "1h",
      },
    ]);
  }
});

test("what is the same for every service", () => {
  const { model, config } = compile([
    estate({
      trustDomainAliases: ["old.example.com"],
      federation: [{ trustDomain: "partner.example.com", bundle: "/etc/portreeve/ca/partner.pem" }],
      defaults: { certificateTtl: "12h" },
    }),
    external("orders-db"),
  ]);
  expect(config).toMatchObject({
    version: 1,
    policy: { digest: model.digest },
    proxy: { name: "portreeve-proxy", namespace: "portreeve", cluster: "use1" },
    trust: {
      trustDomain: "prod.example.com",
      aliases: ["old.example.com"],
      bundles: [{ trustDomain: "partner.example.com", file: "/etc/portreeve/ca/partner.pem" }],
    },
    certificate: {
      source: "istiod",
      address: "istiod.istio-system.svc:15012",
      ca: "/var/run/secrets/istio/root-cert.pem",
      token: "/var/run/secrets/tokens/istio-token",
      lifetime: "12h",
    },
    identityProviders: {
      oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
      aws: [
        { name: "prod", accounts: ["111122223333"], endpoint: "sts.us-east-1.amazonaws.com" },
        { name: "prod", accounts: ["111122223333"], endpoint: "sts.cn-north-1.amazonaws.com.cn" },
      ],
    },
  });
});

test("one more shard moves services to it only", () => {
  const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
  const at = (shards: number) =>
    new Map(
      compile([estate({ proxy: { shards } }), ...names.map((name) => external(name))]).shards.flatMap(
        (shard) => shard.services.map((name) => [name, shard.shard] as const),
      ),
    );
  const [before, after] = [at(3), at(4)];
  for (const name of names) expect([before.get(name), 3]).toContain(after.get(name));
  expect([...after.values()].filter((shard) => shard === 3).length).toBeGreaterThan(0);
});

test("a duration has one unit and the same length", () => {
  expect(["90s", "1h30m", "1500ms", "2h", "60m", "1m1ms"].map(proxyDuration)).toEqual([
    "90s",
    "90m",
    "1500ms",
    "2h",
    "1h",
    "60001ms",
  ]);
});

test("the order of policies does not matter", () => {
  const objects = [
    estate(),
    external("orders-db"),
    external("ledger"),
    inMesh({ serviceAccount: "x" }),
    workload("shop/api"),
    dba,
    toDba("a", "orders-db"),
    toDba("b", "inventory"),
    grant("c", {
      from: { groups: ["dba"], workloads: ["shop/api"], namespaces: ["z", "a"] },
      to: { service: "ledger" },
    }),
  ];
  const expected = JSON.stringify(compile(objects).shards);
  fc.assert(
    fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
      expect(JSON.stringify(compile(shuffled).shards)).toBe(expected);
    }),
    { numRuns: 20 },
  );
});
