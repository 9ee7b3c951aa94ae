import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../policy/compile/target.ts";
import { askOracle, type OracleAnswer } from "../../test/istio/oracle.ts";
import { type Pod, surroundings } from "../../test/istio/world.ts";
import { covers } from "../../test/reach/covers.ts";
import { part } from "../../test/toolchain/parts.ts";
import { type Change, filesOf, readChanges } from "./changes.ts";
import { hasPort } from "./ports.ts";

// What truth.yaml says, asked of judges that are not ours: cyclonus for NetworkPolicies, Istio's own code for the mesh. What
// IAM lets through (13) is not asked of anybody here. Addresses are sampled: the ends of the ranges, and their neighbours.

const changes = new Map(readChanges().map((change) => [change.id, change]));
const ADDRESSES = [
  "0.0.0.0",
  "10.19.255.255",
  "10.20.0.0",
  "10.20.0.255",
  "10.20.1.0",
  "10.20.255.255",
  "10.21.0.0",
  "203.0.112.255",
  "203.0.113.0",
  "203.0.113.255",
  "203.0.114.0",
  "255.255.255.255",
];
const PORTS = [1, 442, 443, 444, 5431, 5432, 5433, 8999, 9000, 9001, 9443, 9444, 65535];

function change(id: string): Change {
  const found = changes.get(id);
  if (!found) throw new Error(`no change set ${id}`);
  return found;
}

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly { ports?: object[] }[];
      };
    };
  };
}

function objects(side: string): KubeObject[] {
  return filesOf(side)
    .cluster.flatMap((file) => parseAllDocuments(readFileSync(join(side, file), "utf8")))
    .map((document) => document.toJS() as KubeObject);
}

const isDeployment = (object: KubeObject): object is Deployment => object.kind === "Deployment";

/** `from to port` of everything that truth.yaml says of a direction, at the sampled addresses and ports. */
function expected({ truth }: Change, direction: "gained" | "lost", names: readonly string[]): string[] {
  const rows = truth.access.filter(({ change: what }) => what === direction);
  return pairs(names)
    .filter(([from, to, port]) =>
      rows.some((row) => covers(row.from, from) && covers(row.to, to) && hasPort(row.ports, port)),
    )
    .map((pair) => pair.join(" "))
    .sort();
}

function pairs(names: readonly string[]): [string, string, number][] {
  return names.flatMap((from) =>
    names.flatMap((to) =>
      from === to ? [] : PORTS.map((port): [string, string, number] => [from, to, port]),
    ),
  );
}

describe("NetworkPolicies, as cyclonus judges them", () => {
  test.each([...changes.keys()].filter((id) => /^(08|09|10|11|12)/.test(id)))("%s", async (id) => {
    const { path } = await part("network-policy-judge");
    const { before, after } = change(id);
    const ask = (side: string) => allowed(path, objects(side));
    const [was, is] = [ask(before), ask(after)];
    expect(minus(is.open, was.open)).toEqual(expected(change(id), "gained", is.names));
    expect(minus(was.open, is.open)).toEqual(expected(change(id), "lost", is.names));
    // Both answers have to occur, or the judge was asked nothing.
    expect(was.open.size).toBeGreaterThan(0);
    expect(was.open.size).toBeLessThan(pairs(was.names).length);
  });
});

function minus(all: ReadonlySet<string>, without: ReadonlySet<string>): string[] {
  return [...all].filter((one) => !without.has(one)).sort();
}

function allowed(judge: string, all: readonly KubeObject[]): { names: string[]; open: Set<string> } {
  const workloads = all.filter(isDeployment).map(({ metadata, spec }) => ({
    id: `${metadata.namespace}/${metadata.name}`,
    namespace: metadata.namespace,
    labels: spec.template.metadata.labels,
    ports: spec.template.spec.containers.flatMap(({ ports = [] }) => ports),
  }));
  const sides = [
    ...workloads.map(({ id: _, ...side }) => side),
    ...ADDRESSES.map((address) => ({ address })),
  ];
  const names = [...workloads.map(({ id }) => id), ...ADDRESSES];
  const namespaces = Object.fromEntries(
    all
      .filter(({ kind }) => kind === "Namespace")
      .map(({ metadata }) => [metadata.name, metadata.labels ?? {}]),
  );
  const policies = all.filter(({ kind }) => kind === "NetworkPolicy");
  const question = JSON.stringify({ namespaces, policies, sides, protocols: ["TCP"], ports: PORTS });
  const answer = execFileSync(judge, { input: `${question}\n`, encoding: "utf8" }).trim();
  const open = new Set<string>();
  let next = 0;
  for (const from of names) {
    for (const to of names) {
      for (const port of PORTS) {
        // Between two addresses outside there is no policy of the cluster to ask.
        const inside = from.includes("/") || to.includes("/");
        if (answer[next++] === "1" && from !== to && inside) open.add(`${from} ${to} ${port}`);
      }
    }
  }
  expect(next).toBe(answer.length);
  return { names, open };
}

const MESH = [...changes.keys()].filter((id) => /^0[1-6]/.test(id));

describe("the mesh, as Istio's own code judges it", () => {
  test.each(MESH)("%s", async (id) => {
    const { before, after, truth } = change(id);
    const [was, is] = [await clients(before), await clients(after)];
    const rows = (direction: string) =>
      truth.access.filter(({ change: what }) => what === direction).map(({ from }) => from);
    expect(minus(is, was)).toEqual(rows("gained"));
    expect(minus(was, is)).toEqual(rows("lost"));
    // Before the change exactly the one client that is meant to gets in.
    expect([...was]).toEqual(["shop/api"]);
  });

  test("07-service-entry-collision: where a connection to the first host arrives", async () => {
    const { before, after } = change("07-service-entry-collision");
    const cluster = async (side: string) => {
      const { world, pods } = mesh(side);
      const call = { name: "c", proxy: "web", mode: "outbound", address: "192.0.2.1", port: 5432 } as const;
      return (await askOracle(world, pods, [call])).results.get("c")?.cluster;
    };
    expect(await cluster(before)).toBe("outbound|5432||reports.db.example.com");
    expect(await cluster(after)).toBe("outbound|5432||ledger.db.example.com");
  });
});

/** The folder's objects with running pods; those in the mesh say so. */
function mesh(side: string): { world: unknown[]; pods: Pod[] } {
  const all = objects(side);
  const pods = all.filter(isDeployment).map(({ metadata, spec }, i) => ({
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    ip: `10.0.0.${i + 10}`,
    labels: { ...spec.template.metadata.labels, "security.istio.io/tlsMode": "istio" },
    serviceAccount: spec.template.spec.serviceAccountName,
  }));
  const rest = all.filter(({ kind }) => !["Namespace", "Deployment", "ServiceAccount"].includes(kind));
  return { world: surroundings(rest, pods), pods };
}

/** Who gets in at orders-db:5432, with what its sidecar sends. */
async function clients(side: string): Promise<Set<string>> {
  const { world, pods } = mesh(side);
  const server = pods.find(({ name }) => name === "orders-db");
  if (!server) throw new Error("no orders-db");
  const others = pods.filter((pod) => pod !== server);
  const calls = others.flatMap((pod) =>
    (["plaintext", "mtls"] as const).map((tls) => ({
      name: `${pod.namespace}/${pod.name} ${tls}`,
      proxy: server.name,
      mode: "inbound" as const,
      address: server.ip,
      port: 5432,
      tls,
      sourceIP: pod.ip,
      // The trust domain that the oracle's mesh has; `cluster.local` in a policy stands for it.
      ...(tls === "mtls"
        ? { principal: `prod.example.com/ns/${pod.namespace}/sa/${pod.serviceAccount}` }
        : {}),
    })),
  );
  const answer = await askOracle(world, pods, calls);
  const inside = others
    .map((pod) => ({ id: `${pod.namespace}/${pod.name}`, sends: sent(answer, pod.name) }))
    .filter(({ id, sends }) => answer.results.get(`${id} ${sends}`)?.allowed === true);
  return new Set(inside.map(({ id }) => id));
}

/** What a client's sidecar sends to orders-db. */
function sent({ clusters, endpoints }: OracleAnswer, client: string): "plaintext" | "mtls" {
  const name = "outbound|5432||orders-db.data.svc.cluster.local";
  const cluster = clusters.get(client)?.find((one) => one.name === name);
  if (!cluster) throw new Error(`no cluster ${name}`);
  if (!cluster.transportSocketMatches) return cluster.transportSocket === undefined ? "plaintext" : "mtls";
  const [first] =
    endpoints
      .get(client)
      ?.find(({ clusterName }) => clusterName === name)
      ?.endpoints?.flatMap(({ lbEndpoints }) => lbEndpoints ?? []) ?? [];
  const marked = first?.metadata?.filterMetadata?.["envoy.transport_socket_match"];
  return marked?.["tlsMode"] === "istio" ? "mtls" : "plaintext";
}
