import { membership } from "../../reach/index.ts";
import { bypassed } from "../../reach/mesh.ts";
import { contains } from "../../sets/ranges.ts";
import { evaluate } from "../authorization/index.ts";
import { serverMode } from "../consistency/server-mode.ts";
import { ingressNotes, readsAddresses, UNKNOWN_ADDRESS, waypointNotes } from "./arrival-notes.ts";
import type { Sent } from "./destination.ts";
import type { Endpoint } from "./endpoints.ts";
import { envoyFilterNotes } from "./envoy-filters.ts";
import type { Arrival } from "./types.ts";
import type { GatewayServer, Pod, RoutingWorld } from "./world.ts";

/** Who dials, and what it can prove. */
export interface Sender {
  readonly pod: Pod;
  readonly plane: Arrival["dataPlane"];
  readonly ip: string | undefined;
  /** The server name of TLS that the application itself speaks. */
  readonly sni: string | undefined;
}

/** Stands for a source address that nobody told: no block of a policy should name it (RFC 5737). */
const SOME_ADDRESS = "192.0.2.1";

const SOME_SERVER = "192.0.2.2";

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

type Common = Pick<Arrival, "address" | "port" | "by" | "workload" | "dataPlane"> & { notes: string[] };

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

function judged(
  world: RoutingWorld,
  sender: Sender,
  pod: Pod,
  port: number,
  dataplane: "sidecar" | "ztunnel",
  principal: string | null,
  common: Common & Pick<Arrival, "wire" | "accepts">,
): Arrival {
  const { trustDomain, trustDomainAliases } = world.settings;
  const { rootNamespace, peers, authorizations } = world.mesh;
  const { verdict, by, notes } = evaluate({
    dataplane,
    policies: [...peers, ...authorizations],
    workload: {
      namespace: pod.namespace,
      labels: pod.labels,
      trustDomain,
      trustDomainAliases,
      rootNamespace,
    },
    connection: {
      source: { ip: sender.ip ?? SOME_ADDRESS, principal },
      destination: { ip: common.address ?? SOME_SERVER, port },
      ...(sender.sni === undefined ? {} : { sni: sender.sni }),
    },
  });
  const unknown = sender.ip === undefined && readsAddresses(world, pod) ? [UNKNOWN_ADDRESS] : [];
  return {
    ...common,
    principal,
    outcome: verdict,
    by,
    reason: reasonOf(verdict, by, world, pod),
    notes: [...common.notes, ...notes, ...unknown],
  };
}

function reasonOf(verdict: "allow" | "deny", by: Arrival["by"], { mesh }: RoutingWorld, pod: Pod): string {
  if (by !== null)
    return `${verdict === "allow" ? "allowed" : "denied"} by ${by.policy}, rule ${by.rule + 1}`;
  if (verdict === "deny") return "no rule of an ALLOW policy for this workload matches";
  const any = mesh.authorizations.some((policy) =>
    [pod.namespace, mesh.rootNamespace].includes(policy.metadata.namespace ?? "default"),
  );
  return any ? "no policy for this workload refuses it" : "no AuthorizationPolicy is there";
}

/** `spiffe://` left out, as policies write it. */
export function identityOf({ settings }: RoutingWorld, { namespace, serviceAccount }: Pod): string {
  return `${settings.trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

function whyNone(pod: Pod, port: number): string {
  if (pod.hostNetwork) return ": the pod is on the host network";
  return contains(bypassed(pod, "sidecar"), port)
    ? ": annotations of the pod exclude the port"
    : ": the pod is not in the mesh";
}
