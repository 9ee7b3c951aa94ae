import { membership } from "../../reach/index.ts";
import { bypassed } from "../../reach/mesh.ts";
import { contains } from "../../sets/ranges.ts";
import { serverMode } from "../consistency/server-mode.ts";
import { ingressNotes, waypointNotes } from "./arrival-notes.ts";
import type { Sent } from "./destination.ts";
import type { Endpoint } from "./endpoints.ts";
import { envoyFilterNotes } from "./envoy-filters.ts";
import { type Common, identityOf, judged, type Sender } from "./judge.ts";
import type { Arrival } from "./types.ts";
import type { GatewayServer, Pod, RoutingWorld } from "./world.ts";

/** What the server's side makes of a connection: its proxy's PeerAuthentication first, then its AuthorizationPolicies. */
export function arrive(world: RoutingWorld, sender: Sender, endpoint: Endpoint, sends: Sent): Arrival {
  const { pod, port, address } = endpoint;
  const base = { address, port, by: null, notes: [] as string[] };
  if (pod === undefined) {
    const workload = address ?? "an endpoint that no object names";
    const accepts = endpoint.takesMtls
      ? "Istio's mTLS, as its label or identity says"
      : "what it is made for";
    return {
      ...base,
      workload,
      dataPlane: "external",
      wire: sends,
      principal: null,
      accepts,
      ...(sends === "ISTIO_MUTUAL" && !endpoint.takesMtls
        ? { outcome: "fails" as const, reason: "it is outside of the mesh and cannot answer Istio's mTLS" }
        : { outcome: "allow" as const, reason: "no proxy of Istio's decides there" }),
    };
  }
  const plane = planeAt(world, pod);
  const notes = endpoint.imagined
    ? [`no pod is given: one with the labels of the selector in ${pod.namespace} is judged`]
    : [];
  const common = { ...base, workload: pod.workload, dataPlane: plane, notes };
  if (plane === "ztunnel") return atZtunnel(world, sender, pod, port, sends, common);
  return atSidecar(world, sender, pod, port, sends, common);
}

export function planeAt({ mesh }: RoutingWorld, pod: Pod) {
  return membership(pod, mesh.cluster, {
    undeclared: "sidecar",
    ...(mesh.dataplane ? { dataplane: mesh.dataplane } : {}),
  });
}

function atSidecar(
  world: RoutingWorld,
  sender: Sender,
  pod: Pod,
  port: number,
  sends: Sent,
  common: Common,
): Arrival {
  const { mode, policy } = serverMode(world.mesh, pod, port);
  const by = policy === undefined ? "Istio's default" : `PeerAuthentication ${policy}`;
  const principal = sends === "ISTIO_MUTUAL" ? identityOf(world, sender.pod) : null;
  const fails = (accepts: string, reason: string): Arrival => ({
    ...common,
    wire: sends,
    principal: null,
    accepts,
    outcome: "fails",
    reason,
  });
  switch (mode) {
    case "none":
    case "external":
    case "ztunnel": {
      const accepts = `no proxy${whyNone(pod, port)}`;
      return sends === "ISTIO_MUTUAL"
        ? fails(accepts, "the application gets Istio's handshake as data")
        : {
            ...common,
            wire: sends,
            principal: null,
            accepts,
            outcome: "allow",
            reason: "no policy of Istio's applies there",
          };
    }
    case "own": {
      const accepts = "the application terminates Istio's mTLS itself";
      const notes = [...common.notes, "what the application allows is its own configuration: not judged"];
      if (sends === "ISTIO_MUTUAL") {
        return { ...common, notes, wire: sends, principal, accepts, outcome: "not judged", reason: accepts };
      }
      return {
        ...common,
        notes,
        wire: sends,
        principal: null,
        accepts,
        outcome: "not judged",
        reason: "it may refuse plaintext",
      };
    }
    case "STRICT":
      if (sends !== "ISTIO_MUTUAL") {
        const what = sends === "plaintext" ? "plaintext" : "TLS without the mesh's certificate";
        return {
          ...fails(`STRICT by ${by}`, `${what} is refused: mTLS is demanded`),
          outcome: "deny",
          by: policy === undefined ? null : { policy, rule: 0 },
        };
      }
      break;
    case "DISABLE":
      if (sends === "ISTIO_MUTUAL")
        return fails(`DISABLE by ${by}`, "the application gets Istio's handshake as data");
      break;
    case "PERMISSIVE":
      break;
  }
  const notes = [
    ...common.notes,
    ...ingressNotes(world, pod, port),
    ...envoyFilterNotes(world, { proxy: pod, context: "SIDECAR_INBOUND", port }),
  ];
  return judged(world, sender, pod, port, "sidecar", principal, {
    ...common,
    notes,
    wire: sends,
    accepts: `${mode} by ${by}`,
  });
}

/** What a gateway's own listener makes of a connection: its TLS mode decides, not a PeerAuthentication. */
export function arriveAtGateway(
  world: RoutingWorld,
  sender: Sender,
  { pod, port, address }: Endpoint,
  { sends, server }: { readonly sends: Sent; readonly server: GatewayServer | undefined },
): Arrival {
  if (pod === undefined) throw new TypeError("a gateway is a pod");
  const accepts =
    server === undefined
      ? "nothing on this port"
      : server.tls === undefined
        ? "anything, as it is"
        : `TLS ${server.tls}`;
  const common = {
    workload: pod.workload,
    address,
    port,
    dataPlane: "sidecar" as const,
    wire: sends,
    accepts,
    by: null,
    notes: [],
  };
  const broken = (reason: string): Arrival => ({ ...common, principal: null, outcome: "fails", reason });
  if (server === undefined) return broken("no server of a Gateway takes the connection");
  if (server.tls === "ISTIO_MUTUAL" && sends !== "ISTIO_MUTUAL")
    return broken("the gateway demands the mesh's certificate");
  if (server.tls === undefined && sends === "ISTIO_MUTUAL") {
    return broken("the gateway does not end mTLS on this port, and hands the client's handshake on as data");
  }
  const principal = server.tls === "ISTIO_MUTUAL" ? identityOf(world, sender.pod) : null;
  return judged(world, sender, pod, port, "sidecar", principal, { ...common, notes: [] });
}

/** ztunnel refuses plaintext by a rule of its own, which the evaluator knows. */
function atZtunnel(
  world: RoutingWorld,
  sender: Sender,
  pod: Pod,
  port: number,
  sends: Sent,
  common: Common,
): Arrival {
  const tunnels = sender.plane === "ztunnel" || sends === "ISTIO_MUTUAL";
  const notes = [...common.notes, ...waypointNotes(world, pod)];
  if (sender.plane === "sidecar") {
    notes.push(
      "a sidecar reaches a workload in ambient mode through HBONE where the mesh is installed with it",
    );
  }
  const principal = tunnels || sender.plane === "sidecar" ? identityOf(world, sender.pod) : null;
  const wire = principal === null ? sends : "HBONE";
  return judged(world, sender, pod, port, "ztunnel", principal, {
    ...common,
    notes,
    wire,
    accepts: "what ztunnel does",
  });
}

function whyNone(pod: Pod, port: number): string {
  if (pod.hostNetwork) return ": the pod is on the host network";
  return contains(bypassed(pod, "sidecar"), port)
    ? ": annotations of the pod exclude the port"
    : ": the pod is not in the mesh";
}
