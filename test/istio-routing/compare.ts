/** What the evaluator says beside what Envoy would do with istiod's configuration. */
import { destination, readRouting, selectTarget, sidecarView } from "../../policy/istio/routing/index.ts";
import { PORTS, type Pod, type Shape } from "./draw.ts";
import { type Bytes, follow } from "./envoy.ts";
import type { XdsCluster, XdsProxy } from "./xds.ts";

const BYTES: readonly Bytes[] = [
  { type: "tcp" },
  { type: "http" },
  { type: "tls", sni: "a.example.com" },
  { type: "tls", sni: "b.data.svc.cluster.local" },
  { type: "tls", sni: "x.example.org" },
];

export interface Difference {
  readonly connection: string;
  readonly istio: string;
  readonly ours: string;
}

export interface Compared {
  readonly connections: number;
  /** Connections that reach a service of their own, not what is left over. */
  readonly routed: number;
  readonly clusters: number;
  readonly refused: number;
  readonly differences: readonly Difference[];
}

export function compare(
  { objects, addresses, outbound }: Shape,
  client: Pod,
  { listeners, clusters }: XdsProxy,
): Compared {
  const world = readRouting(objects, undefined, { outbound, trustDomain: "cluster.local" });
  const errors = world.mesh.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  const pod = world.mesh.cluster.pods.find(
    ({ workload }) => workload === `${client.namespace}/${client.name}`,
  );
  if (pod === undefined) throw new Error(`no pod ${client.name}`);
  const view = sidecarView(world, pod);
  const differences: Difference[] = [];
  const named = new Set<string>();
  const count = { connections: 0, routed: 0, refused: 0 };
  for (const address of addresses) {
    for (const port of PORTS) {
      for (const bytes of BYTES) {
        const istio = follow(listeners, address, port, bytes);
        if (istio === "refused") count.refused += 1;
        const selected = selectTarget(view, address, port, bytes);
        const ours =
          selected.refused !== undefined
            ? "refused"
            : selected.http
              ? "http"
              : Object.fromEntries(selected.targets.map(({ cluster, weight }) => [cluster, weight]));
        count.connections += 1;
        for (const name of typeof istio === "string" ? [] : Object.keys(istio))
          if (name.includes("|")) named.add(name);
        if (
          istio === "http" ||
          (typeof istio !== "string" && Object.keys(istio).some((name) => name.includes("|")))
        ) {
          count.routed += 1;
        }
        if (show(istio) !== show(ours)) {
          const connection = `${client.namespace}/${client.name} → ${address}:${port} ${bytes.type} ${bytes.sni ?? ""}`;
          differences.push({ connection, istio: show(istio), ours: show(ours) });
        }
      }
    }
  }
  for (const name of named) {
    const istio = showCluster(clusters.find((one) => one.name === name));
    const found = destination(world, view.scope, view.rules, name);
    const ours = showDestination(found);
    if (istio !== ours) {
      differences.push({ connection: `${client.namespace}/${client.name} cluster ${name}`, istio, ours });
    }
  }
  return { ...count, clusters: named.size, differences };
}

function show(sent: Readonly<Record<string, number>> | string): string {
  if (typeof sent === "string") return sent;
  return Object.entries(sent)
    .map(([cluster, weight]) => `${cluster} ${weight}`)
    .sort()
    .join(", ");
}

export function showCluster(cluster: XdsCluster | undefined): string {
  if (cluster === undefined) return "missing";
  if (cluster.type === "ORIGINAL_DST") return `original ${cluster.port ?? ""} ${cluster.mode}`;
  return listed((cluster.endpoints ?? []).map(({ address, port, mode }) => `${address}:${port} ${mode}`));
}

/** An entry with several addresses has its endpoints as often: that it is dialled more often is no difference. */
function listed(endpoints: readonly string[]): string {
  return [...new Set(endpoints)].sort().join(", ");
}

export function showDestination(found: ReturnType<typeof destination>): string {
  if ("reason" in found) return "missing";
  if (found.passthrough) return `original ${found.portOverride ?? ""} ${found.sends}`;
  return listed(
    found.endpoints
      .filter(({ endpoint }) => !endpoint.imagined)
      .map(({ endpoint, sends }) => `${endpoint.address}:${endpoint.port} ${sends}`),
  );
}
