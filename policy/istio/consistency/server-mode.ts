import type { Pod } from "../../kubernetes/reach/index.ts";
import { PROXY_APP, PROXY_APP_LABEL } from "../../plan/proxy-shard.ts";
import { membership } from "../../reach/index.ts";
import { bypassed } from "../../reach/mesh.ts";
import { contains } from "../../sets/ranges.ts";
import { type EffectiveMode, sidecarMode } from "../authorization/peer-authentication.ts";
import type { World } from "./world.ts";

/** What stands before a port of a workload. */
export type ServerMode =
  | "STRICT"
  | "PERMISSIVE"
  | "DISABLE"
  /** No proxy: not in the mesh, or the port is excluded from redirection. */
  | "none"
  /** The application terminates Istio's mTLS itself. */
  | "own"
  | "ztunnel"
  | "external";

/** A workload as a destination. */
export interface Backend {
  /** `shop/db`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number;
  readonly mode: ServerMode;
  /** The PeerAuthentication that sets the mode, as `namespace/name`. */
  readonly policy: string | undefined;
}

export function serverMode(world: World, pod: Pod, port: number): Backend {
  const base = { name: pod.workload, labels: pod.labels, port, policy: undefined };
  if (speaksMtls(pod)) return { ...base, mode: "own" };
  const plane = planeOf(world, pod);
  if (plane === "ztunnel") return { ...base, mode: "ztunnel" };
  if (plane === "none" || contains(bypassed(pod, plane), port)) return { ...base, mode: "none" };
  const { mode, policy } = sidecarPortMode(world, pod, port);
  return { ...base, mode, policy };
}

/** `security.istio.io/tlsMode` is what Istio itself goes by; the Portreeve proxy terminates mTLS without a sidecar. */
export function speaksMtls({ labels, annotations }: Pod): boolean {
  if (labels["security.istio.io/tlsMode"] === "istio")
    return annotations["sidecar.istio.io/status"] === undefined;
  return labels[PROXY_APP_LABEL] === PROXY_APP;
}

/** A pod of a namespace that was not given is taken as in the mesh: it is not known to be outside. */
export function planeOf(world: World, pod: Pod) {
  return membership(pod, world.cluster, {
    undeclared: "sidecar",
    ...(world.dataplane ? { dataplane: world.dataplane } : {}),
  });
}

export function sidecarPortMode(
  world: World,
  { namespace, labels }: Pick<Pod, "namespace" | "labels">,
  port: number,
): EffectiveMode {
  return sidecarMode(world.peers, { namespace, labels, rootNamespace: world.rootNamespace })(port);
}
