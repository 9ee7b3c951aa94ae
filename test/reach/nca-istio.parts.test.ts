import fc from "fast-check";
import { expect, test } from "vitest";
import type { AuthorizationPolicy } from "../../policy/istio/objects.ts";
import { readCluster } from "../../policy/kubernetes/reach/index.ts";
import { reachAll } from "../../policy/reach/index.ts";
import { hasPort } from "../../policy/sets/ports.ts";
import { askNca } from "./nca.ts";

// NCA as a second judge of AuthorizationPolicies between pods with sidecars. Istio's own code is the first (test/truth). Left
// out is what NCA does not read (PeerAuthentication, wildcards, aliases of the trust domain) or reads as HTTP, and clients
// without an identity.

const CLUSTERS = 300;
const PORTS = [1, 79, 80, 81, 5432, 8080, 65535];

/** NCA takes this one for the mesh's root namespace; Istio's default is `istio-system` (MeshConfig.rootNamespace). */
const ROOT = "istio-config";
const namespaces = ["shop", "bank"];
const accounts = ["api", "web"];
const few = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1, maxLength: 2 });
const principals = namespaces.flatMap((namespace) =>
  accounts.map((account) => `cluster.local/ns/${namespace}/sa/${account}`),
);
const ports = ["80", "5432", "8080"];
const source = fc.record(
  {
    principals: few(principals),
    notPrincipals: few(principals),
    namespaces: few(namespaces),
    notNamespaces: few(namespaces),
  },
  { requiredKeys: [] },
);
const condition = fc
  .oneof(
    fc.record({ key: fc.constant("source.namespace"), values: few(namespaces), notValues: few(namespaces) }),
    fc.record({ key: fc.constant("source.principal"), values: few(principals), notValues: few(principals) }),
    fc.record({ key: fc.constant("destination.port"), values: few(ports), notValues: few(ports) }),
  )
  .chain(({ key, values, notValues }) =>
    fc.constantFrom({ key, values }, { key, notValues }, { key, values, notValues }),
  );
const operation = fc
  .tuple(few(ports), few(ports))
  .chain(([some, others]) =>
    fc.constantFrom({ ports: some }, { notPorts: others }, { ports: some, notPorts: others }),
  );
const notEmpty = (object: object) => Object.keys(object).length > 0;
const rule = fc.record(
  {
    from: fc.array(
      source.filter(notEmpty).map((each) => ({ source: each })),
      { minLength: 1, maxLength: 2 },
    ),
    to: fc.array(
      operation.map((each) => ({ operation: each })),
      { minLength: 1, maxLength: 2 },
    ),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
const selector = fc.constantFrom({}, { selector: { matchLabels: { app: "a" } } });
const policy = fc.record({
  namespace: fc.constantFrom(...namespaces, ROOT),
  selector,
  action: fc.constantFrom("ALLOW" as const, "ALLOW" as const, "DENY" as const),
  rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
});
const world = fc.record({
  pods: fc.array(
    fc.record({
      namespace: fc.constantFrom(...namespaces),
      account: fc.constantFrom(...accounts),
      app: fc.constantFrom("a", "b"),
    }),
    { minLength: 2, maxLength: 5 },
  ),
  policies: fc.array(policy, { minLength: 1, maxLength: 4 }),
});

test("agrees with np-guard's analyzer on random AuthorizationPolicies between pods with sidecars", async () => {
  let compared = 0;
  let allowed = 0;
  const worlds = fc.sample(world, { numRuns: CLUSTERS, seed: 20_261_121 }).map(objectsOf);
  const answers = await askNca(worlds.map(({ cluster, authorizations }) => [...cluster, ...authorizations]));
  for (const [i, { names, cluster, authorizations }] of worlds.entries()) {
    const { access: ours } = reachAll({
      cluster: readCluster(cluster).cluster,
      policies: authorizations,
      rootNamespace: ROOT,
    });
    const theirs = answers[i] ?? [];
    const differences: string[] = [];
    for (const src of names) {
      for (const dst of names.filter((name) => name !== src)) {
        const of = (row: { src: string; dst: string }) => row.src === src && row.dst === dst;
        for (const port of PORTS) {
          const we = ours.some((row) => of(row) && hasPort(row.ports, "TCP", port));
          const they = theirs.some(
            (row) =>
              of(row) && (row.ports.get("TCP") ?? []).some(([low, high]) => low <= port && port <= high),
          );
          compared += 1;
          if (we) allowed += 1;
          if (we !== they) differences.push(`${src} ${dst} ${port}: we ${we}, NCA ${they}`);
        }
      }
    }
    expect(differences, JSON.stringify([...cluster, ...authorizations])).toEqual([]);
  }
  // Both answers have to occur often, or the samples say little.
  expect(compared).toBeGreaterThan(10_000);
  expect(allowed / compared).toBeGreaterThan(0.1);
  expect(allowed / compared).toBeLessThan(0.9);
});

function objectsOf({ pods, policies }: typeof world extends fc.Arbitrary<infer World> ? World : never) {
  const authorizations = policies.map(
    ({ namespace, selector, action, rules }, i): AuthorizationPolicy => ({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: `p${i}`, namespace },
      spec: { ...selector, action, rules },
    }),
  );
  const cluster = [
    ...[...namespaces, ROOT].map((name) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { "istio-injection": "enabled" } },
    })),
    ...pods.map(({ namespace, account, app }, i) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `w${i}`, namespace, labels: { app } },
      spec: { serviceAccountName: account, containers: [{ name: "main", image: "x" }] },
    })),
  ];
  return { names: pods.map(({ namespace }, i) => `${namespace}/w${i}`), cluster, authorizations };
}
