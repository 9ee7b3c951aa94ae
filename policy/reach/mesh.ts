import type { DataPlane } from "../istio/authorization/index.ts";
import type { Cluster, Pod } from "../kubernetes/reach/index.ts";
import { PORTS } from "../sets/ports.ts";
import { canonical, complement, everything, type Ranges } from "../sets/ranges.ts";

/** Which proxy stands before a pod; `none` when it is not in the mesh. */
export type Membership = DataPlane | "none";

export interface MembershipOptions {
  /**
   * Takes every pod as in the mesh with this data plane, but for those that cannot be (host network) or that opt out by
   * a label of their own.
   * @default by the labels of pod and namespace
   */
  readonly dataplane?: DataPlane;
  /** What a pod is whose namespace was not given, so that its labels are not known. */
  readonly undeclared: Membership;
}

/** Istio never injects in these (`IgnoredNamespaces` in pkg/kube/inject). */
const NEVER_INJECTED: ReadonlySet<string> = new Set([
  "kube-node-lease",
  "kube-public",
  "kube-system",
  "local-path-storage",
]);

/** Whether and how a pod is in the mesh, as Istio's injection webhook and CNI plugin decide it. */
export function membership(pod: Pod, cluster: Cluster, options: MembershipOptions): Membership {
  if (pod.hostNetwork || NEVER_INJECTED.has(pod.namespace)) return "none";
  const mode = pod.labels["istio.io/dataplane-mode"];
  const inject = pod.labels["sidecar.istio.io/inject"] ?? pod.annotations["sidecar.istio.io/inject"];
  if (options.dataplane !== undefined) {
    const optsOut = options.dataplane === "sidecar" ? inject === "false" : mode === "none";
    return optsOut ? "none" : options.dataplane;
  }
  // What was done to a pod of a running cluster says more than what its labels ask for.
  if (pod.annotations["sidecar.istio.io/status"] !== undefined) return "sidecar";
  if (pod.annotations["ambient.istio.io/redirection"] === "enabled") return "ztunnel";
  const namespace = cluster.namespaces.get(pod.namespace) ?? {};
  if (hasSidecar(pod, namespace, inject)) return "sidecar";
  if (mode === "ambient") return "ztunnel";
  if (mode === "none" || inject === "false") return "none";
  if (namespace["istio.io/dataplane-mode"] === "ambient") return "ztunnel";
  return cluster.declared.has(pod.namespace) ? "none" : options.undeclared;
}

function hasSidecar(
  pod: Pod,
  namespace: Readonly<Record<string, string>>,
  inject: string | undefined,
): boolean {
  const injection = namespace["istio-injection"];
  const revision = namespace["istio.io/rev"];
  if (injection === "disabled" || inject === "false") return false;
  if (injection === "enabled" || revision !== undefined) return true;
  return pod.labels["sidecar.istio.io/inject"] === "true" || pod.labels["istio.io/rev"] !== undefined;
}

/**
 * The TCP ports on which connections reach the pod past its proxy, by the annotations that tell the sidecar which
 * inbound ports to redirect. ztunnel knows no such exceptions.
 */
export function bypassed(pod: Pod, plane: DataPlane): Ranges<number> {
  if (plane === "ztunnel") return [];
  const excluded = pod.annotations["traffic.sidecar.istio.io/excludeInboundPorts"];
  const included = pod.annotations["traffic.sidecar.istio.io/includeInboundPorts"];
  if (included === undefined || included.trim() === "*") return portList(excluded ?? "");
  return complement(PORTS, portList(included));
}

function portList(text: string): Ranges<number> {
  const ports = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => /^\d+$/.test(part))
    .map(Number)
    .filter((port) => port >= PORTS.first && port <= PORTS.last);
  return canonical(
    PORTS,
    ports.map((port) => ({ low: port, high: port })),
  );
}

/** All TCP ports. */
export const EVERY_TCP_PORT: Ranges<number> = everything(PORTS);
