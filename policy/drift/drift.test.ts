import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileAll } from "../compile/index.ts";
import { namespace, objectsOf } from "../istio/consistency/mesh.fixture.ts";
import { loadModel } from "../load/index.ts";
import { type DriftRow, drift } from "./index.ts";

const allow = (sources: string, name = "db") => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { namespace: shop, name: ${name} }
spec: { selector: { matchLabels: { app: db } }, rules: [{ from: [{ source: { ${sources} } }], to: [{ operation: { ports: ["5432"] } }] }] }
---
`;
const pod = (name: string, app = name) => `apiVersion: v1
kind: Pod
metadata: { namespace: shop, name: ${name}, labels: { app: ${app} } }
spec: { serviceAccountName: ${name}, containers: [] }
---
`;
const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { namespace: shop, name: strict }
spec: { mtls: { mode: STRICT } }
---
`;
const api = "principals: [td.example/ns/shop/sa/api]";
const both = "principals: [td.example/ns/shop/sa/api, td.example/ns/shop/sa/job]";
const live = namespace("shop") + pod("db") + pod("api") + pod("job");
const compare = (a: string, b: string) =>
  drift({ name: "a", objects: objectsOf(a) }, { name: "b", objects: objectsOf(b) });
const told = ({ layer, from, to, a, b }: DriftRow): string =>
  `${layer}: ${from} → ${to}: ${a || "-"} | ${b || "-"}`;

describe("two clusters with workloads", () => {
  it("a policy of other objects with the same access is no drift", () => {
    const split = allow(api, "one") + allow("principals: [td.example/ns/shop/sa/job]", "two");
    expect(compare(live + strict + allow(both), live + strict + split).rows).toEqual([]);
  });

  it("who is let through on one side alone is told, with the object", () => {
    const { rows } = compare(live + strict + allow(api), live + strict + allow(both));
    expect(rows.map(told)).toEqual([
      "network and mesh: shop/job → shop/db: SCTP 1-65535,UDP 1-65535 | SCTP 1-65535,TCP 5432,UDP 1-65535",
    ]);
    expect(rows[0]?.because).toEqual(["AuthorizationPolicy/shop/db"]);
  });
});

describe("what is wanted against what is there", () => {
  it("is judged with the workloads that are there", () => {
    expect(compare(strict + allow(api), live + strict + allow(api)).rows).toEqual([]);
    const { rows } = compare(strict + allow(api), live + strict + allow(both));
    expect(rows.map(({ from, to }) => `${from} ${to}`)).toEqual(["shop/job shop/db"]);
    expect(compare(live + strict + allow(both), strict + allow(api)).rows).toHaveLength(1);
  });

  it("tells a wanted policy that is not there", () => {
    const { rows } = compare(strict + allow(api), live);
    expect(new Set(rows.map(({ to }) => to))).toEqual(new Set(["shop/api", "shop/db", "shop/job"]));
  });

  it("leaves alone what the wanted policies are not for", () => {
    const others =
      allow(api).replace("app: db", "app: cache").replace("name: db", "name: cache") + pod("cache");
    expect(compare(allow(api), live + allow(api) + others).rows).toEqual([]);
  });
});

describe("policies alone on both sides", () => {
  it("are held against stand-ins for everybody that they name", () => {
    const { rows } = compare(allow(api), allow(both));
    expect(rows.map(told)).toEqual(["mesh: shop/account:job → shop/app=db: - | TCP 5432"]);
    expect(compare(allow(api), allow(api)).rows).toEqual([]);
  });

  it("a side without any policy lets everybody through", () => {
    const { rows } = compare(allow(api), strict);
    expect(rows.map(({ from }) => from)).toContain("portreeve-stranger/somebody");
  });

  it("says what it has no stand-in for", () => {
    expect(compare(allow('principals: ["*/ns/shop/sa/a*"]'), strict).notes).toEqual([
      expect.stringContaining("identities like shop/a*"),
    ]);
  });
});

describe("the proxy", () => {
  const config = (rules: string) => `apiVersion: v1
kind: ConfigMap
metadata: { namespace: portreeve, name: p, annotations: { portreeve.dev/policy-digest: "sha256:1" } }
data: { proxy.json: '{"rules":[${rules}]}' }
---
`;
  const rule = (id: string, user: string) =>
    `{"id":"${id}","action":"allow","service":"orders-db","ports":[5432],"subjects":{"users":["${user}"]}}`;

  it("compares rules by what they say, not by the grant's name", () => {
    expect(compare(config(rule("a", "okta:x")), config(rule("b", "okta:x"))).rows).toEqual([]);
    const { rows, digests } = compare(config(rule("a", "okta:x")), config(rule("a", "okta:y")));
    expect(rows.map(told)).toEqual([
      "proxy: okta:x → orders-db:5432: allow | -",
      "proxy: okta:y → orders-db:5432: - | allow",
    ]);
    expect(digests).toEqual([["sha256:1"], ["sha256:1"]]);
  });

  it("says when a configuration cannot be read", () => {
    const broken = config("").replace("[]}", "[");
    expect(compare(broken, config("")).notes).toEqual([expect.stringContaining("ConfigMap portreeve/p")]);
  });
});

describe("one policy set compiled for several clusters", () => {
  const text = readFileSync(
    join(import.meta.dirname, "../../test/golden/multi-cluster/policies.yaml"),
    "utf8",
  );
  const model = loadModel({ texts: [{ name: "policies.yaml", text }] });
  const sides = model.trust.spec.clusters.map((cluster) => {
    const { istio, kubernetes } = compileAll({ model, cluster });
    return {
      name: cluster.name,
      objects: [...istio.targets, ...kubernetes.targets].map(({ object }) => object),
      dataplane: cluster.dataPlane === "ambient" ? ("ztunnel" as const) : ("sidecar" as const),
      trustDomain: model.trust.spec.trustDomain,
    };
  });

  it("has one digest everywhere, and the same access but for what is declared for one cluster", () => {
    const [use1, euc1] = sides;
    if (use1 === undefined || euc1 === undefined) throw new Error("two clusters are expected");
    const found = drift(use1, euc1);
    expect(found.digests).toEqual([[model.digest], [model.digest]]);
    // `archive` is a service of euc1 alone.
    expect(new Set(found.rows.map(({ to }) => to))).toEqual(new Set(["shop/app=archive"]));
    const declared = { service: "archive", namespace: "shop", labels: { app: "archive" } };
    expect(drift({ ...use1, elsewhere: [declared] }, euc1).rows).toEqual([]);
  });
});
