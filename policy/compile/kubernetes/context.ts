import type { Finding } from "../../finding.ts";
import { acceptsPlaintext } from "../../model/resolve.ts";
import type { Cluster, Model, Rule, Service, ServicePort } from "../../model/types.ts";
import { rulesByService } from "../../plan/admitted.ts";
import { planGatewayPorts } from "../../plan/gateway-ports.ts";
import { planListenerPorts } from "../../plan/listener-ports.ts";
import { HBONE_PORT } from "../../plan/proxy-mounts.ts";
import { proxyPodLabels } from "../../plan/proxy-shard.ts";
import type { CompileInput, Owner, Target } from "../target.ts";
import type { KubernetesObject, Labels } from "./objects.ts";
import { PeerBook } from "./peers.ts";

/** What every part of this compiler reads, looked up once. */
export interface Context {
  readonly model: Model;
  readonly cluster: Cluster;
  readonly grouping: "service" | "grant";
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  readonly listenerPorts: ReadonlyMap<string, number>;
  readonly gatewayPorts: ReadonlyMap<string, number>;
  /** Labels of the proxy pods that serve a service. */
  readonly proxyLabels: (service: string) => Labels;
  readonly peers: PeerBook;
  readonly findings: Finding[];
}

export function makeContext({ model, cluster, grouping = "service" }: CompileInput): Context {
  return {
    model,
    cluster,
    grouping,
    rules: rulesByService(model),
    listenerPorts: planListenerPorts(model),
    gatewayPorts: planGatewayPorts(model),
    proxyLabels: remembered((service) => proxyPodLabels(model, service)),
    peers: new PeerBook(model, cluster),
    findings: [],
  };
}

/** Finding a shard takes a hash for each of them. */
function remembered(find: (name: string) => Labels): (name: string) => Labels {
  const known = new Map<string, Labels>();
  return (name) => {
    const labels = known.get(name) ?? find(name);
    known.set(name, labels);
    return labels;
  };
}

/**
 * The ports on which a NetworkPolicy sees connections to a port of a service in the mesh. With sidecars, mutual TLS runs on
 * the port of the pod itself; ztunnel carries everything on the HBONE port, and leaves the pod's own port to plaintext.
 */
export function podPorts(context: Context, service: Service, port: ServicePort): number[] {
  if (context.cluster.dataPlane === "sidecar") return [port.targetPort];
  return acceptsPlaintext(service) ? [port.targetPort, HBONE_PORT] : [HBONE_PORT];
}

/** The proxy's pods are no part of ztunnel's redirection: they take HBONE themselves. */
export function proxyPorts(context: Context, ports: readonly number[]): number[] {
  return context.cluster.dataPlane === "sidecar" ? [...ports] : [...ports, HBONE_PORT];
}

/** A target with its key: kind, namespace and name of the object. */
export function kubeTarget<T extends KubernetesObject>(
  owner: Owner,
  subject: string,
  causes: Iterable<string>,
  object: T,
): Target<T> {
  const { kind, metadata } = object;
  return {
    key: `${kind}/${metadata.namespace}/${metadata.name}`,
    owner,
    subject,
    causes: [...new Set(causes)].sort(),
    object,
  };
}
