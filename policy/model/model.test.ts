import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { decide } from "../decide/index.ts";
import { PolicyError } from "../finding.ts";
import { loadModel, type PolicyObject } from "../load/index.ts";
import { accessTable } from "./access.ts";
import type { Model } from "./types.ts";

type Json = { [key: string]: unknown };
const document = (kind: string, metadata: Json, spec: Json): Json => ({
  apiVersion: "portreeve.dev/v1",
  kind,
  metadata,
  spec,
});

/** A policy set with every kind, and every list that is a set with at least two entries. */
const estate: Json[] = [
  document(
    "Trust",
    { name: "estate", labels: { a: "1", b: "2" } },
    {
      trustDomain: "prod.example.com",
      trustDomainAliases: ["old.example.com", "older.example.com"],
      clusters: [
        {
          name: "use1",
          dataPlane: "sidecar",
          istioVersion: "1.31",
          apiServerCidrs: ["10.0.0.0/24", "10.0.1.0/24"],
        },
        { name: "euw1", dataPlane: "ambient", istioVersion: "1.31" },
      ],
      identityProviders: {
        oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve", "other"] }],
      },
    },
  ),
  document(
    "Service",
    { name: "orders-db", labels: { tier: "data" } },
    {
      protocol: "postgres",
      hosts: ["db.example.com", "db2.example.com"],
      ports: [5432, { port: 5433, targetPort: 6433 }],
      location: { type: "external", clusters: ["use1", "euw1"] },
      addresses: ["10.9.0.1", "fd00::9"],
      tls: { mode: "simple", ca: "/ca.pem", subjectAltNames: ["a", "b"] },
      limits: { maxConnections: 10, idleTimeout: "2h", tcpKeepalive: { time: "60s" } },
    },
  ),
  document(
    "Service",
    { name: "cache" },
    {
      protocol: "redis",
      ports: [6379],
      location: { type: "mesh", namespace: "shop", selector: { app: "cache", tier: "x" } },
    },
  ),
  document(
    "Workload",
    { name: "api", namespace: "shop" },
    { groups: ["backend", "all"], clusters: ["use1", "euw1"], selector: { app: "api" } },
  ),
  document("Workload", { name: "web", namespace: "shop" }, { serviceAccount: "frontend" }),
  document(
    "Group",
    { name: "backend" },
    {
      members: {
        idpGroups: ["okta:b", "okta:a"],
        users: ["okta:u", "okta:v"],
        workloads: ["shop/web"],
        groups: ["all"],
        agents: ["bot"],
      },
    },
  ),
  document(
    "Group",
    { name: "all" },
    { members: { awsRoles: ["arn:aws:iam::123456789012:role/b", "arn:aws:iam::123456789012:role/a"] } },
  ),
  document(
    "Agent",
    { name: "bot" },
    {
      identity: { type: "oidc", subject: "okta:bot" },
      onBehalfOf: { type: "group", group: "all" },
      owner: "support",
      expires: "2026-06-01",
      services: ["orders-db", "cache"],
      limits: { maxConnections: 2 },
    },
  ),
  document(
    "Grant",
    { name: "backend-orders" },
    {
      from: {
        groups: ["backend", "all"],
        workloads: ["shop/web", "shop/api"],
        namespaces: ["batch", "ops"],
        cidrs: ["10.0.0.0/8", "192.0.2.0/24"],
      },
      to: { service: "orders-db", ports: [5433, 5432] },
      when: { expires: "2026-12-01", sourceCidrs: ["10.0.0.0/8", "fd00::/8"] },
      owner: "shop",
    },
  ),
  document(
    "Grant",
    { name: "no-web" },
    { action: "deny", from: { workloads: ["shop/web"] }, to: { service: "cache" } },
  ),
  document(
    "Waiver",
    { name: "w" },
    {
      rule: "PR501",
      scope: ["Service/cache", "Service/orders-db"],
      owner: "sre",
      reason: "old",
      expires: "2026-03-01",
    },
  ),
];

const load = (documents: readonly Json[]): Model =>
  loadModel({ objects: documents as unknown as PolicyObject[] });
const DIGEST = load(estate).digest;

/** Lists whose order means something. */
const ORDERED = new Set(["hosts", "endpoints"]);

/** The same content in another order: of keys, and of lists that are sets. */
function reordered(value: unknown, key: string, random: () => number): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => reordered(item, "", random));
    return ORDERED.has(key) ? items : shuffle(items, random);
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    shuffle(Object.entries(value), random).map(([name, item]) => [name, reordered(item, name, random)]),
  );
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Every leaf of plain data: its path and value. */
function leaves(
  value: unknown,
  path: (string | number)[] = [],
): { path: (string | number)[]; value: unknown }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return entries.flatMap(([key, item]) => leaves(item, [...path, key]));
}

function replaced(
  value: unknown,
  [key, ...rest]: readonly (string | number)[],
  change: (old: unknown) => unknown,
): unknown {
  if (key === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? replaced(item, rest, change) : item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === key ? replaced(item, rest, change) : item]),
  );
}

/** What a model says, without positions. */
function content(model: Model): unknown {
  const strip = (_: string, value: unknown) => (value instanceof Map ? [...value] : value);
  const { table: _, ...rest } = model;
  return JSON.parse(JSON.stringify(rest, strip), (key, value) =>
    key === "position" || key === "origin" ? undefined : value,
  );
}

describe("the digest", () => {
  it("and the rules are the same for the same content: order of files, documents, keys and sets, formatting, comments", () => {
    const rules = content({ ...load(estate) });
    const formats = fc.record({
      indent: fc.constantFrom(2, 4),
      collectionStyle: fc.constantFrom("block", "flow", "any"),
      defaultStringType: fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE"),
    } as const);
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        formats,
        fc.nat({ max: 10 }),
        fc.boolean(),
        (stream, format, split, crlf) => {
          const random = () => stream.next().value ?? 0;
          const shuffled = shuffle(estate, random).map((one) => reordered(one, "", random));
          const texts = [shuffled.slice(0, split), shuffled.slice(split)]
            .filter((part) => part.length > 0)
            .map((part, index) => {
              const text = part.map((one) => `# a comment\n${stringify(one, format)}`).join("---\n");
              return { name: `${index}.yaml`, text: crlf ? text.replaceAll("\n", "\r\n") : text };
            });
          const model = loadModel({ texts });
          expect(model.digest).toBe(DIGEST);
          const other = content(model) as { rules: unknown; groups: unknown };
          expect(other.rules).toEqual((rules as { rules: unknown }).rules);
          expect(other.groups).toEqual((rules as { groups: unknown }).groups);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("is the same with a default left out or written out, and whatever the annotations say", () => {
    const written = estate.map((one) => {
      const spec = one["spec"] as Json;
      const annotations = { ...(one["metadata"] as Json), annotations: { note: "x" } };
      return {
        ...one,
        metadata: annotations,
        spec: one["kind"] === "Grant" ? { action: "allow", audit: "standard", ...spec } : spec,
      };
    });
    expect(load(written).digest).toBe(DIGEST);
  });

  it("changes with every single value that anybody can change", () => {
    const digests = new Map([[DIGEST, "unchanged"]]);
    let changedLeaves = 0;
    for (const [index, one] of estate.entries()) {
      for (const { path, value } of leaves(one)) {
        if (path[0] === "apiVersion" || path[0] === "kind") continue;
        const other =
          typeof value === "number"
            ? value + 1
            : typeof value === "boolean"
              ? !value
              : alternative(String(value));
        const documents = estate.map((document, at) =>
          at === index ? (replaced(document, path, () => other) as Json) : document,
        );
        let digest: string;
        try {
          digest = load(documents).digest;
        } catch (error) {
          // A name that others refer to, or a value outside its form: refused, so there is no model to mistake for another.
          expect(error).toBeInstanceOf(PolicyError);
          continue;
        }
        changedLeaves++;
        const where = `${one["kind"]} ${path.join(".")}`;
        expect(digests.get(digest), where).toBeUndefined();
        digests.set(digest, where);
      }
    }
    expect(changedLeaves).toBeGreaterThan(50);
  });

  it("changes when the order of hosts does, which names the service, and when a document goes", () => {
    const turned = estate.map((one) =>
      (one["metadata"] as Json)["name"] === "orders-db"
        ? (replaced(one, ["spec", "hosts"], (hosts) => [...(hosts as unknown[])].reverse()) as Json)
        : one,
    );
    expect(load(turned).digest).not.toBe(DIGEST);
    expect(load(estate.filter(({ kind }) => kind !== "Waiver")).digest).not.toBe(DIGEST);
  });

  /** Another value of the same form, so that most of them are accepted. */
  function alternative(text: string): string {
    if (/^\d{4}-/.test(text)) return text.replace(/^\d{4}/, "2031");
    if (/^10\.|^192\./.test(text)) return text.replace(/^\d+/, "11");
    if (/^fd/.test(text)) return text.replace(/^fd/, "fc");
    if (/^\d+[hs]$/.test(text)) return `9${text}`;
    const choices: Record<string, string> = {
      allow: "deny",
      deny: "allow",
      postgres: "tcp",
      redis: "tcp",
      sidecar: "ambient",
      ambient: "sidecar",
      simple: "none",
      PR501: "PR520",
      "1.31": "1.30",
    };
    return choices[text] ?? `${text}x`;
  }
});

describe("the model", () => {
  it("is frozen all the way down", () => {
    const model = load(estate);
    const thawed: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null || path.startsWith("model.table")) return;
      if (value instanceof Map) {
        for (const [key, item] of value) walk(item, `${path}.${key}`);
        return;
      }
      if (!Object.isFrozen(value)) thawed.push(path);
      for (const [key, item] of Object.entries(value)) walk(item, `${path}.${key}`);
    };
    walk(model, "model");
    expect(thawed).toEqual([]);
  });

  it("does not change with the objects that it was made from", () => {
    const own = structuredClone(estate);
    const model = load(own);
    const before = JSON.stringify(content(model));
    for (const one of own) {
      (one["metadata"] as Json)["name"] = "changed";
      const { hosts } = one["spec"] as Json;
      if (Array.isArray(hosts)) hosts.push("evil.example.com");
    }
    expect(JSON.stringify(content(model))).toBe(before);
  });

  it("takes names of 63 characters, hosts as long as DNS has them, and IPv6 everywhere", () => {
    const long = `a${"b".repeat(61)}c`;
    const host = `${"h".repeat(63)}.${"h".repeat(63)}.${"h".repeat(63)}.${"h".repeat(61)}`;
    const model = load([
      document(
        "Trust",
        { name: long },
        {
          trustDomain: "t.example",
          clusters: [
            {
              name: long,
              dataPlane: "sidecar",
              istioVersion: "1.31",
              addressing: { mode: "vips", range: "240.0.0.0/4" },
            },
          ],
        },
      ),
      document(
        "Service",
        { name: long },
        {
          protocol: "tcp",
          hosts: [host],
          ports: [65535, 1],
          location: { type: "external" },
          resolution: "static",
          endpoints: ["2001:db8::1", "2001:db8::a:1"],
        },
      ),
      document("Workload", { name: long, namespace: long }, {}),
      document(
        "Grant",
        { name: long },
        { from: { workloads: [`${long}/${long}`], cidrs: ["2001:db8::/32", "::/0"] }, to: { service: long } },
      ),
    ]);
    expect(accessTable(model)).toHaveLength(6);
    const principal = { workload: `spiffe://t.example/ns/${long}/sa/${long}` };
    expect(decide(model.table, { via: "proxy", service: long, port: 65535, principal }, 0).verdict).toBe(
      "allow",
    );
    expect(() => load([...estate, document("Workload", { name: `${long}x`, namespace: "a" }, {})])).toThrow(
      "1 to 63 characters",
    );
    expect(() =>
      load([
        ...estate,
        document(
          "Service",
          { name: "x" },
          { protocol: "tcp", hosts: [`h${host}`], ports: [1], location: { type: "external" } },
        ),
      ]),
    ).toThrow("write a DNS name");
  });

  it("resolves groups through groups, and workloads that name their group", () => {
    const { groups } = load(estate);
    expect(groups.get("backend")).toMatchObject({
      workloads: ["shop/api", "shop/web"],
      idpGroups: ["okta:a", "okta:b"],
      awsRoles: ["arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"],
      agents: ["bot"],
    });
    expect(groups.get("all")?.workloads).toEqual(["shop/api"]);
  });

  it("ends an agent's rules with the agent, and never extends them to a service that it does not list", () => {
    const rules = load(estate).rules.filter(({ subjects }) => subjects.agents.length > 0);
    expect(rules).toMatchObject([
      {
        id: "backend-orders",
        via: ["proxy"],
        subjects: { agents: ["bot"] },
        when: { expires: "2026-06-01" },
      },
    ]);
  });

  it("lists in the access table exactly what `decide` allows workloads", () => {
    const model = load(estate);
    const now = Date.parse("2026-01-01");
    const denied = new Set(
      accessTable(model)
        .filter(({ action }) => action === "deny")
        .map(({ from, service, port, via }) => `${from} ${service} ${port} ${via}`),
    );
    for (const { id, spiffeId, namespace } of model.workloads.values()) {
      for (const { name, ports } of model.services.values()) {
        for (const { port } of ports) {
          for (const via of ["mesh", "proxy"] as const) {
            const rows = accessTable(model).filter(
              (row) => row.action === "allow" && row.service === name && row.port === port && row.via === via,
            );
            const listed =
              rows.some(({ from }) => from === id || from === `namespace:${namespace}`) &&
              !denied.has(`${id} ${name} ${port} ${via}`);
            const { verdict } = decide(
              model.table,
              { via, service: name, port, principal: { workload: spiffeId }, sourceIp: "10.1.1.1" },
              now,
            );
            expect(verdict, `${id} ${name}:${port} ${via}`).toBe(listed ? "allow" : "deny");
          }
        }
      }
    }
  });
});
