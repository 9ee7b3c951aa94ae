import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomPolicy } from "../../../test/istio/random-policy.ts";
import { PolicyError } from "../../finding.ts";
import { loadModel, type PolicyObject } from "../../load/index.ts";
import { grant, service, trust, workload } from "../../load/object.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { Model } from "../../model/types.ts";
import type { TrustSpecInput } from "../../schema/index.ts";
import {
  compileGrantAuthorization,
  compileGuards,
  compileIstio,
  compileServiceAuthorization,
  compileServiceRouting,
  compileWorkloadScope,
  type IstioObject,
} from "./index.ts";

const cluster: TrustSpecInput["clusters"][number] = {
  name: "use1",
  dataPlane: "sidecar",
  istioVersion: "1.31",
  addressing: { mode: "vips", range: "240.240.0.0/16" },
};
const estate = trust("estate", { trustDomain: "prod.example.com", clusters: [cluster] });

function input(objects: readonly PolicyObject[]) {
  const model = loadModel({ objects });
  const [first] = model.trust.spec.clusters;
  if (!first) throw new Error("no cluster");
  return { model, cluster: first };
}

function objectsOf<K extends IstioObject["kind"]>(
  objects: readonly PolicyObject[],
  kind: K,
): Extract<IstioObject, { kind: K }>[] {
  return compileIstio(input(objects)).targets.flatMap(({ object }) =>
    object.kind === kind ? [object as Extract<IstioObject, { kind: K }>] : [],
  );
}

describe("for random policy sets", () => {
  const models = randomPolicy.map((objects): Model | undefined => {
    try {
      return loadModel({ objects });
    } catch (error) {
      if (error instanceof PolicyError) return undefined;
      throw error;
    }
  });

  test("components that are imported alone make together what the whole compilation makes", () => {
    fc.assert(
      fc.property(models, fc.constantFrom("service" as const, "grant" as const), (model, grouping) => {
        const [first] = model?.trust.spec.clusters ?? [];
        if (!model || !first) return;
        const each = { model, cluster: first, grouping };
        const parts = [
          ...[...model.services.keys()].flatMap((name) => [
            compileServiceRouting(each, name),
            compileServiceAuthorization(each, name),
          ]),
          ...(grouping === "grant"
            ? [...model.grants.keys()].map((name) => compileGrantAuthorization(each, name))
            : [...model.workloads.keys()].map((id) => compileWorkloadScope(each, id))),
          compileGuards(each),
        ];
        const sum = parts.flatMap(({ targets }) => targets);
        const whole = compileIstio(each);
        expect(sum.map((target) => canonicalJson(target)).sort()).toEqual(
          whole.targets.map((target) => canonicalJson(target)).sort(),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("no two objects have one key, or one name in a namespace, and names stay within limits", () => {
    fc.assert(
      fc.property(models, fc.constantFrom("service" as const, "grant" as const), (model, grouping) => {
        const [first] = model?.trust.spec.clusters ?? [];
        if (!model || !first) return;
        const { targets } = compileIstio({ model, cluster: first, grouping });
        const keys = targets.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        for (const { object } of targets) expect(object.metadata.name.length).toBeLessThanOrEqual(63);
      }),
      { numRuns: 150 },
    );
  });

  test("the same policies in another order compile to the same bytes", () => {
    fc.assert(
      fc.property(randomPolicy, fc.infiniteStream(fc.nat()), (objects, random) => {
        const shuffled = objects
          .map((object) => ({ object, at: random.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ object }) => object);
        const bytes = (some: PolicyObject[]) => {
          try {
            return JSON.stringify(compileIstio(input(some)).targets);
          } catch (error) {
            if (error instanceof PolicyError) return "refused";
            throw error;
          }
        };
        expect(bytes(shuffled)).toBe(bytes(objects));
      }),
      { numRuns: 100 },
    );
  });
});

describe("a value that is known only at deployment", () => {
  test("passes through, and no name derives from it", () => {
    const objects = [
      estate,
      service("orders-db", {
        protocol: "postgres",
        hosts: ["${ref:writer}", "${ref:reader}"],
        ports: [5432],
        location: { type: "external" },
      }),
      workload("shop/api", { selector: { app: "api" } }),
      grant("api", { from: { workloads: ["shop/api"] }, to: { service: "orders-db" } }),
    ];
    const entries = objectsOf(objects, "ServiceEntry");
    expect(entries.map(({ spec }) => spec.hosts[0]).sort()).toEqual(["${ref:reader}", "${ref:writer}"]);
    for (const { metadata } of entries) expect(metadata.name).toMatch(/^[a-z0-9-]+$/);
    expect(objectsOf(objects, "VirtualService")[0]?.spec.hosts).toEqual(["${ref:writer}", "${ref:reader}"]);
    expect(objectsOf(objects, "Sidecar")[0]?.spec.egress[0].hosts).toContain("portreeve/${ref:writer}");
  });
});

describe("what a workload's sidecar sees", () => {
  const services = [
    service("cache", {
      protocol: "redis",
      ports: [6379],
      location: { type: "mesh", namespace: "data", selector: { app: "cache" } },
    }),
    service("vault", {
      protocol: "tcp",
      ports: [8200],
      location: { type: "mesh", namespace: "data", selector: { app: "vault" }, serviceAccount: "vault" },
    }),
  ];
  const api = workload("shop/api", { selector: { app: "api" }, needs: ["api-server"] });

  test("is what its grants reach, and what every pod needs", () => {
    const objects = [
      estate,
      ...services,
      api,
      grant("cache", { from: { workloads: ["shop/api"] }, to: { service: "cache" } }),
    ];
    expect(objectsOf(objects, "Sidecar")[0]?.spec.egress[0].hosts).toEqual([
      "data/cache.data.svc.cluster.local",
      "default/kubernetes.default.svc.cluster.local",
      "istio-system/*",
      "kube-system/kube-dns.kube-system.svc.cluster.local",
    ]);
  });

  test("is the proxy's shared port, not the service, where only the proxy may let it through", () => {
    const objects = [
      estate,
      ...services,
      api,
      grant("vault", {
        from: { workloads: ["shop/api"] },
        to: { service: "vault" },
        when: { expires: "2030-01-01T00:00:00Z" },
      }),
    ];
    const hosts = objectsOf(objects, "Sidecar")[0]?.spec.egress[0].hosts ?? [];
    expect(hosts).toContain("portreeve/portreeve-proxy.portreeve.svc.cluster.local");
    expect(hosts.join()).not.toContain("vault");
  });
});

describe("endpoints of AWS", () => {
  const eks = {
    name: "prod",
    account: "111122223333",
    region: "eu-central-1",
    oidcIssuer: "https://oidc.example.com/x",
  };
  const onEks = trust("estate", {
    trustDomain: "example.com",
    clusters: [{ name: "prod", dataPlane: "sidecar", istioVersion: "1.31", eks }],
  });
  const sts = "sts.eu-central-1.amazonaws.com";
  const irsa = (id: string) =>
    workload(id, { selector: { app: id.split("/")[1] ?? "" }, aws: { mode: "irsa" } });
  const objects = [onEks, irsa("shop/a"), irsa("shop/b"), workload("shop/c", { selector: { app: "c" } })];

  test("reach the sidecars of exactly the workloads that call them", () => {
    const scopes = objectsOf(objects, "Sidecar").map(({ metadata, spec }) => [
      metadata.name,
      spec.egress[0].hosts.includes(`./${sts}`),
    ]);
    expect(scopes).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
    ]);
  });

  test("have one entry a namespace, seen nowhere else, whoever calls them", () => {
    const entries = objectsOf([...objects, irsa("batch/a")], "ServiceEntry");
    expect(entries.map(({ metadata, spec }) => [metadata.namespace, spec.hosts[0], spec.exportTo])).toEqual([
      ["batch", sts, ["."]],
      ["shop", sts, ["."]],
    ]);
  });
});

describe("who sees a service's routing", () => {
  const db = (exportTo?: string[]) =>
    service("orders-db", {
      protocol: "postgres",
      hosts: ["db.example.com"],
      ports: [5432],
      location: { type: "external" },
      ...(exportTo && { exportTo }),
    });
  const visible = (...objects: PolicyObject[]) =>
    objectsOf([estate, workload("shop/api"), ...objects], "ServiceEntry")[0]?.spec.exportTo;

  test("the namespaces of its clients", () => {
    const clients = grant("clients", {
      from: { workloads: ["shop/api"], namespaces: ["batch"] },
      to: { service: "orders-db" },
    });
    expect(visible(db(), clients)).toEqual([".", "batch", "shop"]);
  });

  test("nobody but the proxy without a grant; a deny makes nobody a client", () => {
    const denied = grant("denied", {
      action: "deny",
      from: { workloads: ["shop/api"] },
      to: { service: "orders-db" },
    });
    expect(visible(db(), denied)).toEqual(["."]);
  });

  test("everybody only if the Service says so", () => {
    expect(visible(db(["*"]))).toEqual(["*"]);
    expect(visible(db(["ops", "."]))).toEqual([".", "ops"]);
  });
});

test("a service that many grants open stays within 512 rules an object", () => {
  const names = Array.from({ length: 1200 }, (_, index) => `w${index}`);
  const objects = [
    estate,
    service("cache", {
      protocol: "redis",
      ports: [6379],
      location: { type: "mesh", namespace: "data", selector: { app: "cache" } },
    }),
    ...names.map((name) => workload(`shop/${name}`)),
    ...names.map((name) => grant(name, { from: { workloads: [`shop/${name}`] }, to: { service: "cache" } })),
  ];
  const policies = objectsOf(objects, "AuthorizationPolicy");
  expect(policies.length).toBeGreaterThan(2);
  expect(policies.flatMap(({ spec }) => spec.rules ?? [])).toHaveLength(1200);
  for (const { spec } of policies) expect(spec.rules?.length).toBeLessThanOrEqual(512);
});

test("mutual TLS is demanded of namespaces with something of ours, never of Istio's root namespace", () => {
  const objects = [
    estate,
    workload("istio-system/operator"),
    workload("shop/api"),
    service("cache", {
      protocol: "redis",
      ports: [6379],
      location: { type: "mesh", namespace: "data", selector: { app: "cache" } },
    }),
  ];
  const policies = objectsOf(objects, "PeerAuthentication");
  expect(policies.map(({ metadata }) => metadata.namespace)).toEqual(["data", "shop"]);
  for (const { spec } of policies) expect(spec).toEqual({ mtls: { mode: "STRICT" } });
});
