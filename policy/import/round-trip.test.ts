import fc from "fast-check";
import { expect, test } from "vitest";
import { compileIstio } from "../compile/istio/index.ts";
import { decide } from "../decide/index.ts";
import { evaluate } from "../istio/authorization/index.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "../istio/objects.ts";
import { loadModel, type PolicyObject } from "../load/index.ts";
import { grant, service, trust, workload } from "../load/object.ts";
import type { Model } from "../model/types.ts";
import { type ImportOptions, importObjects } from "./index.ts";

// Two things are held here. Objects that Portreeve itself compiles come back as policies with the same verdicts. Whatever
// the policies are, the import never widens access, takes none from known workloads, and lists where others lose it. Not proven: what real Istio does with
// the objects (test/truth compares the evaluator with it), and what NetworkPolicy does (the golden folders have one).

const OPTIONS: ImportOptions = {
  rootNamespace: "istio-system",
  cluster: "main",
  istioVersion: "1.31",
  openAs: "namespaces",
};
const TD = "prod.example.com";
const NAMESPACES = ["shop", "batch"];
const ACCOUNTS = ["api", "db", "job"];
const SERVICES = ["orders", "cache"];
const ADDRESSES = ["10.1.2.3", "10.200.0.1", "192.0.2.9", "fd00::1"];
/** Also those whom no object names. */
const IDENTITIES = [...NAMESPACES, "elsewhere", "dev-1"].flatMap((namespace) =>
  [...ACCOUNTS, "stranger"].map((account) => `${TD}/ns/${namespace}/sa/${account}`),
);
/** Those of whom the folder has pods. */
const KNOWN: readonly string[] = NAMESPACES.flatMap((namespace) =>
  ACCOUNTS.map((account) => `${TD}/ns/${namespace}/sa/${account}`),
);

const importOf = (objects: readonly unknown[], dataPlane: "sidecar" | "ambient") =>
  importObjects(
    { objects, positionOf: () => ({ file: "objects", line: 1, col: 1 }) },
    { ...OPTIONS, trustDomain: TD, dataPlane },
  );

/** Pods and Services of the namespace `shop`, and a pod for every account elsewhere. */
const KUBERNETES: readonly unknown[] = [
  ...NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  ...NAMESPACES.flatMap((namespace) =>
    ACCOUNTS.map((account) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: account, namespace, labels: { app: account } },
      spec: { serviceAccountName: account, containers: [] },
    })),
  ),
  ...SERVICES.flatMap((name) => [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop" },
      spec: {
        selector: { app: name },
        ports: [
          { name: "tcp-a", port: 5432, targetPort: 15432 },
          { name: "tcp-b", port: 6379 },
        ],
      },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "shop", labels: { app: name } },
      spec: { serviceAccountName: "db", containers: [] },
    },
  ]),
];
const TARGETS: Readonly<Record<number, number>> = { 5432: 15432, 6379: 6379 };

const blocks = fc.subarray(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.0/24", "fd00::/8"]);
const someOf = (values: readonly string[]) => fc.subarray([...values]);

const modelObjects = fc
  .array(
    fc.record({
      action: fc.constantFrom("allow" as const, "allow" as const, "deny" as const),
      workloads: someOf(NAMESPACES.flatMap((namespace) => ACCOUNTS.map((name) => `${namespace}/${name}`))),
      namespaces: someOf([...NAMESPACES, "elsewhere"]),
      cidrs: blocks,
      service: fc.constantFrom(...SERVICES),
      ports: fc.constantFrom<number[] | undefined>(undefined, [5432], [6379]),
      sourceCidrs: fc.option(blocks, { nil: undefined }),
    }),
    { maxLength: 5 },
  )
  .map((grants): PolicyObject[] => [
    trust("estate", {
      trustDomain: TD,
      clusters: [{ name: "main", dataPlane: "sidecar", istioVersion: "1.31" }],
    }),
    ...SERVICES.map((name) =>
      service(name, {
        protocol: "tcp",
        ports: [{ port: 5432, targetPort: 15432 }, 6379],
        location: { type: "mesh", namespace: "shop", selector: { app: name } },
      }),
    ),
    ...NAMESPACES.flatMap((namespace) => ACCOUNTS.map((account) => workload(`${namespace}/${account}`))),
    ...grants
      .filter(({ workloads, namespaces, cidrs }) => workloads.length + namespaces.length + cidrs.length > 0)
      .map(({ action, workloads, namespaces, cidrs, sourceCidrs, ...to }, i) =>
        grant(`grant-${i}`, {
          action,
          from: { workloads, namespaces, cidrs },
          to: { service: to.service, ...(to.ports && { ports: to.ports }) },
          ...(action === "deny" && { via: "mesh" }),
          ...(sourceCidrs && sourceCidrs.length > 0 && { when: { sourceCidrs } }),
        }),
      ),
  ]);

function verdict(
  model: Model,
  serviceName: string,
  port: number,
  principal: string | null,
  sourceIp: string,
) {
  const chain = principal === null ? {} : { workload: `spiffe://${principal}` };
  return decide(model.table, { via: "mesh", service: serviceName, port, principal: chain, sourceIp }, 0)
    .verdict;
}

test("what Portreeve compiles is imported with the verdicts that it was compiled from", () => {
  fc.assert(
    fc.property(
      modelObjects,
      fc.constantFrom("sidecar" as const, "ambient" as const),
      (objects, dataPlane) => {
        const model = loadModel({ objects });
        const [cluster] = model.trust.spec.clusters;
        if (cluster === undefined) throw new Error("the Trust has a cluster");
        const compiled = compileIstio({ model, cluster }).targets.map(({ object }) => object);
        const result = importOf([...KUBERNETES, ...compiled], dataPlane);
        expect(result.differences).toEqual([]);
        const imported = loadModel({ objects: result.documents.map(({ document }) => document) });
        for (const name of SERVICES)
          for (const port of [5432, 6379])
            for (const principal of [...IDENTITIES, null])
              for (const ip of ADDRESSES)
                expect([name, port, principal, ip, verdict(imported, name, port, principal, ip)]).toEqual([
                  name,
                  port,
                  principal,
                  ip,
                  verdict(model, name, port, principal, ip),
                ]);
      },
    ),
    { numRuns: 40 },
  );
});

const PRINCIPALS = [
  `${TD}/ns/shop/sa/api`,
  `${TD}/ns/batch/sa/job`,
  `${TD}/ns/batch/sa/*`,
  `${TD}/ns/dev-*`,
  "*/sa/job",
  "*",
  "spiffe://never",
  "other.example.com/ns/shop/sa/api",
];
const NAMES = ["shop", "batch", "dev-*", "*", "elsewhere"];
const source = fc.record(
  {
    principals: someOf(PRINCIPALS),
    notPrincipals: someOf(PRINCIPALS),
    namespaces: someOf(NAMES),
    notNamespaces: someOf(NAMES),
    ipBlocks: blocks,
    notIpBlocks: blocks,
    requestPrincipals: fc.constant(["*"]),
  },
  { requiredKeys: [] },
);
const operation = fc.record(
  { ports: someOf(["15432", "6379"]), notPorts: someOf(["15432"]), methods: fc.constant(["GET"]) },
  { requiredKeys: [] },
);
const policy = fc
  .record({
    action: fc.constantFrom("ALLOW" as const, "ALLOW" as const, "DENY" as const, "AUDIT" as const),
    namespace: fc.constantFrom("shop", "shop", "istio-system"),
    app: fc.option(fc.constantFrom(...SERVICES), { nil: undefined }),
    rules: fc.array(
      fc.record(
        {
          from: fc.array(
            source.map((each) => ({ source: each })),
            { maxLength: 2 },
          ),
          to: fc.array(
            operation.map((each) => ({ operation: each })),
            { maxLength: 2 },
          ),
          when: fc.constantFrom([{ key: "source.namespace", values: ["batch"] }], []),
        },
        { requiredKeys: [] },
      ),
      { maxLength: 3 },
    ),
  })
  .map(({ action, namespace, app, rules }) => ({ action, namespace, rules, app }));
const policies = fc.array(policy, { maxLength: 4 }).map((all) =>
  all.map(
    ({ action, namespace, app, rules }, i): AuthorizationPolicy => ({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: `p${i}`, namespace },
      spec: { action, rules, ...(app && { selector: { matchLabels: { app } } }) },
    }),
  ),
);
const authentication = fc.constantFrom("STRICT" as const, "PERMISSIVE" as const, "DISABLE" as const).map(
  (mode): PeerAuthentication => ({
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: "default", namespace: "shop" },
    spec: { mtls: { mode } },
  }),
);

test("whatever the policies are, nobody gains access, known workloads keep theirs, and where others lose it a difference says so", () => {
  fc.assert(
    fc.property(
      policies,
      authentication,
      fc.constantFrom("sidecar" as const, "ambient" as const),
      (drawn, mode, dataPlane) => {
        const all = [...drawn, mode];
        const result = importOf([...KUBERNETES, ...all], dataPlane);
        expect(result.differences.filter(({ change }) => change === "wider")).toEqual([]);
        const imported = loadModel({ objects: result.documents.map(({ document }) => document) });
        for (const name of SERVICES)
          for (const [port, target] of Object.entries(TARGETS).map(([a, b]) => [Number(a), b] as const))
            for (const principal of [...IDENTITIES, null])
              for (const ip of ADDRESSES) {
                const today = evaluate({
                  dataplane: dataPlane === "ambient" ? "ztunnel" : "sidecar",
                  policies: all,
                  workload: { namespace: "shop", labels: { app: name }, trustDomain: TD },
                  connection: { source: { ip, principal }, destination: { ip: "10.9.9.9", port: target } },
                }).verdict;
                const after = verdict(imported, name, port, principal, ip);
                if (today === after) continue;
                expect([name, port, principal, ip, today]).toEqual([name, port, principal, ip, "allow"]);
                // Accounts that have pods keep exactly what they have.
                expect([name, port, principal, ip, KNOWN.includes(principal ?? "")]).toEqual([
                  name,
                  port,
                  principal,
                  ip,
                  false,
                ]);
                const told = result.differences.some((each) => each.service === name && each.port === port);
                expect([name, port, principal, ip, told]).toEqual([name, port, principal, ip, true]);
              }
      },
    ),
    { numRuns: Number(process.env.PORTREEVE_IMPORT_RUNS ?? 60) },
  );
});
