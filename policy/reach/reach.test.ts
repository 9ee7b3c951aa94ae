import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { covers } from "../../test/reach/covers.ts";
import { sample } from "../../test/reach/generate.ts";
import { passes, type RawPod, type Side } from "../../test/reach/reference.ts";
import { evaluate } from "../istio/authorization/index.ts";
import type { AuthorizationPolicy, PeerAuthentication, SecurityPolicy } from "../istio/objects.ts";
import { readCluster } from "../kubernetes/reach/index.ts";
import { formatPorts, hasPort } from "../sets/ports.ts";
import { reachAll } from "./reach.ts";

const namespace = fc.constantFrom("default", "shop", "istio-system");
const selector = fc.option(
  fc.constantFrom("a", "b").map((app) => ({ matchLabels: { app } })),
  { nil: undefined },
);
const some = <T>(...values: T[]) => fc.subarray(values, { minLength: 1 });
const source = fc.oneof(
  fc.record({ principals: some("cluster.local/ns/shop/sa/default", "*") }),
  fc.record({ notNamespaces: some("shop", "bank") }),
  fc.record({ ipBlocks: some("10.0.0.0/8", "10.1.2.0/24") }),
  fc.record({ notIpBlocks: some("10.0.0.0/9", "192.168.7.9") }),
);
const operation = fc.oneof(
  fc.record({ ports: some("80", "443") }),
  fc.record({ notPorts: some("1", "8080") }),
);
const rule = fc.record(
  {
    from: fc.array(
      source.map((each) => ({ source: each })),
      { minLength: 1, maxLength: 2 },
    ),
    to: fc.array(
      operation.map((each) => ({ operation: each })),
      { minLength: 1, maxLength: 2 },
    ),
    when: fc.constant([{ key: "destination.port", notValues: ["53"] }]),
  },
  { requiredKeys: [] },
);
const authorization = fc.tuple(
  namespace,
  selector,
  fc.constantFrom("ALLOW", "DENY"),
  fc.array(rule, { maxLength: 2 }),
);
const peers = fc.tuple(
  namespace,
  selector,
  fc.constantFrom("STRICT", "PERMISSIVE", "DISABLE"),
  fc.constantFrom("80", "8080"),
);

const policies = fc
  .tuple(fc.array(authorization, { maxLength: 3 }), fc.array(peers, { maxLength: 2 }))
  .map(([authorizations, authentications]): SecurityPolicy[] => [
    ...authorizations.map(
      ([where, selected, action, rules], i): AuthorizationPolicy => ({
        apiVersion: "security.istio.io/v1",
        kind: "AuthorizationPolicy",
        metadata: { name: `a${i}`, namespace: where },
        spec: { ...(selected ? { selector: selected } : {}), action: action as "ALLOW" | "DENY", rules },
      }),
    ),
    ...authentications.map(
      ([where, selected, mode, port], i): PeerAuthentication => ({
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: { name: `m${i}`, namespace: where },
        spec: {
          ...(selected ? { selector: selected } : {}),
          mtls: { mode: mode as "STRICT" },
          ...(selected ? { portLevelMtls: { [port]: { mode: "PERMISSIVE" as const } } } : {}),
        },
      }),
    ),
  ]);

const ADDRESSES = [
  "0.0.0.0",
  "10.0.0.0",
  "10.1.1.255",
  "10.1.2.0",
  "10.1.3.0",
  "10.128.0.0",
  "11.0.0.0",
  "192.168.7.8",
  "192.168.7.9",
  "255.255.255.255",
];
const PORTS = [1, 2, 53, 79, 80, 81, 443, 444, 8080, 8081, 65535];

// Sidecars only: that ztunnel carries connections otherwise is below, in single cases.
test("agrees, packet by packet, with the NetworkPolicy reference and the evaluator of Istio's policies", () => {
  fc.assert(
    fc.property(sample, policies, ({ objects, world, workloads }, istio) => {
      const { access } = reachAll({
        cluster: readCluster(objects).cluster,
        policies: istio,
        dataplane: "sidecar",
      });
      const sides: [string, readonly Side[]][] = [
        ...workloads,
        ...ADDRESSES.map((ip): [string, Side[]] => [ip, [ip]]),
      ];
      for (const [src, sources] of sides) {
        for (const [dst, destinations] of sides) {
          if (src === dst || (ADDRESSES.includes(src) && ADDRESSES.includes(dst))) continue;
          const rows = access.filter((row) => covers(row.src, src) && covers(row.dst, dst));
          expect(rows.length).toBeLessThanOrEqual(1);
          for (const port of PORTS) {
            const given = rows.some(({ ports }) => hasPort(ports, "TCP", port));
            const wanted = sources.some((from) =>
              destinations.some(
                (to) => passes(world, { from, to, protocol: "TCP", port }) && admits(istio, from, to, port),
              ),
            );
            if (given !== wanted)
              expect.fail(`${src} -> ${dst} TCP ${port}: ${given}, the references say ${wanted}`);
          }
        }
      }
    }),
    { numRuns: 40 },
  );
});

/** One packet at a time. A pod may have any of the addresses. */
function admits(istio: readonly SecurityPolicy[], from: Side, to: Side, port: number): boolean {
  if (typeof to === "string") return true;
  const ask = (ip: string, principal: string | null) =>
    evaluate({
      dataplane: "sidecar",
      policies: istio,
      workload: { namespace: to.namespace, labels: to.labels },
      connection: { source: { ip, principal }, destination: { ip: "10.9.9.9", port } },
    }).verdict === "allow";
  return typeof from === "string" ? ask(from, null) : ADDRESSES.some((ip) => ask(ip, principalOf(from)));
}

function principalOf(pod: RawPod): string {
  return `cluster.local/ns/${pod.namespace}/sa/default`;
}

const pod = (
  name: string,
  labels: Record<string, string> = {},
  annotations: Record<string, string> = {},
) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", labels: { app: name, ...labels }, annotations },
  spec: { serviceAccountName: name, containers: [] },
});
const onlyApi: AuthorizationPolicy = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "db", namespace: "shop" },
  spec: {
    selector: { matchLabels: { app: "db" } },
    rules: [
      {
        from: [{ source: { principals: ["corp.example/ns/shop/sa/api"] } }],
        to: [{ operation: { ports: ["5432"] } }],
      },
    ],
  },
};
const network = (ports: object[]) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "db", namespace: "shop" },
  spec: { podSelector: { matchLabels: { app: "db" } }, ingress: [{ ports }] },
});
const toDb = (objects: object[], dataplane?: "sidecar" | "ztunnel", istio: SecurityPolicy[] = [onlyApi]) =>
  reachAll({
    cluster: readCluster(objects).cluster,
    policies: istio,
    trustDomain: "corp.example",
    ...(dataplane ? { dataplane } : {}),
  })
    .access.filter(({ dst }) => dst === "shop/db")
    .map(({ src, ports, restrictedBy }) => `${src}: ${formatPorts(ports)} (${restrictedBy.join("+")})`);

describe("both layers", () => {
  const everyone = [pod("api"), pod("web"), pod("db")];

  test("identity comes from the service account, Istio restricts TCP only, and each restricting layer is named", () => {
    expect(toDb(everyone, "sidecar")).toEqual([
      "shop/api: SCTP 1-65535,TCP 5432,UDP 1-65535 (Istio)",
      "shop/web: SCTP 1-65535,UDP 1-65535 (Istio)",
      "external:0.0.0.0-255.255.255.255: SCTP 1-65535,UDP 1-65535 (Istio)",
    ]);
    expect(toDb([...everyone, network([{ port: 5000, endPort: 6000 }])], "sidecar")).toEqual([
      "shop/api: TCP 5432 (NetworkPolicy+Istio)",
    ]);
  });

  test("a source outside of the mesh has no identity; a destination outside of it is not protected", () => {
    const outside = { "sidecar.istio.io/inject": "false" };
    expect(toDb([pod("api", outside), pod("db")], "sidecar")[0]).toBe(
      "shop/api: SCTP 1-65535,UDP 1-65535 (Istio)",
    );
    expect(toDb([pod("web"), pod("db", outside)], "sidecar")[0]).toBe("shop/web: All Connections ()");
  });

  test("a port that the sidecar does not redirect is open past Istio", () => {
    const exclude = { "traffic.sidecar.istio.io/excludeInboundPorts": "9187" };
    expect(toDb([pod("web"), pod("db", {}, exclude)], "sidecar")[0]).toContain("TCP 9187,");
    const include = { "traffic.sidecar.istio.io/includeInboundPorts": "1,2" };
    expect(toDb([pod("web"), pod("db", {}, include)], "sidecar")[0]).toContain("TCP 3-65535,");
  });

  test("in ambient mode a NetworkPolicy sees port 15008, and Istio decides on the application's ports", () => {
    expect(toDb([...everyone, network([{ port: 5432 }])], "ztunnel")).toEqual([]);
    const objects = [...everyone, network([{ port: 15008 }])];
    expect(toDb(objects, "ztunnel")).toEqual(["shop/api: TCP 5432 (NetworkPolicy+Istio)"]);
  });

  test("tells which workloads a NetworkPolicy cuts off from ambient mode", () => {
    const cluster = readCluster([...everyone, network([{ port: 5432 }])]).cluster;
    expect(reachAll({ cluster, policies: [], dataplane: "ztunnel" }).tunnelBlocked).toEqual(["shop/db"]);
    expect(reachAll({ cluster, policies: [], dataplane: "sidecar" }).tunnelBlocked).toEqual([]);
  });
});

test("neighbouring outside ranges of which the same is true are one row", () => {
  const idle = {
    ...network([]),
    spec: {
      podSelector: { matchLabels: { app: "none" } },
      ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }],
    },
  };
  expect(toDb([pod("db"), idle], undefined, [])).toEqual([
    "external:0.0.0.0-255.255.255.255: All Connections ()",
  ]);
});
