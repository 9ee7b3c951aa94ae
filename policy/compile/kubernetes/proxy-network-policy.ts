import type { Service as PolicyService, Rule } from "../../model/types.ts";
import { admitted } from "../../plan/admitted.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import { proxyLogsIn } from "../../plan/proxy-login.ts";
import { tokenLoginPorts } from "../../plan/token-login.ts";
import { hasRef } from "../../schema/index.ts";
import { type Context, podPorts, proxyPorts } from "./context.ts";
import { needsConnect } from "./destinations.ts";
import { hostBlock, toDns, toIstiod, toPodIdentityAgent } from "./essentials.ts";
import type {
  NetworkPolicy,
  NetworkPolicyEgress,
  NetworkPolicyIngress,
  NetworkPolicyPeer,
} from "./objects.ts";
import { block, groupByPorts, OUTSIDE, pods, tcp } from "./peers.ts";
import type { Shard } from "./proxy-pods.ts";

interface Entry {
  readonly peer: NetworkPolicyPeer;
  readonly ports: readonly number[];
}

/**
 * Who reaches the proxy's pods, and where these go. A host outside the cluster has no address that an IP rule could name
 * beforehand, so its port is open to every address outside; `resolution: static` names them.
 */
export function proxyNetworkPolicy(
  context: Context,
  shard: Shard,
  services: readonly PolicyService[],
): NetworkPolicy {
  const from = ingress(context, shard, services);
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: shard.name, namespace: shard.namespace, labels: shard.labels },
    spec: {
      podSelector: { matchLabels: shard.podLabels },
      policyTypes: ["Ingress", "Egress"],
      ...(from.length > 0 && { ingress: from }),
      egress: egress(context, services),
    },
  };
}

function ingress(context: Context, shard: Shard, services: readonly PolicyService[]): NetworkPolicyIngress[] {
  const { connectPort } = context.model.trust.spec.proxy;
  const entries: Entry[] = [];
  let anyone = false;
  for (const service of services) {
    const rules = context.rules.get(service.name) ?? [];
    const connect = needsConnect(service, rules) ? [connectPort] : [];
    for (const { port } of service.ports) {
      const listener = context.listenerPorts.get(servicePortKey(service.name, port));
      const ports = proxyPorts(context, listener === undefined ? connect : [listener, ...connect]);
      const who = admitted(rules, port, "proxy");
      // People, and agents with a token, come from wherever they are.
      if (who.people || comesWithToken(context, who.agents)) anyone = true;
      entries.push(...context.peers.of(who, shard.podLabels).map((peer) => ({ peer, ports })));
    }
  }
  return [
    ...(anyone ? [{ ports: [connectPort, ...tokenLoginPorts(services)].map((port) => tcp(port)) }] : []),
    ...groupByPorts(entries).map(({ peers, ports }) => ({ from: peers, ports })),
  ];
}

function comesWithToken(context: Context, agents: ReadonlySet<string>): boolean {
  return [...agents].some((name) => context.model.agents.get(name)?.spec.identity.type === "oidc");
}

function egress(context: Context, services: readonly PolicyService[]): NetworkPolicyEgress[] {
  const { model, cluster } = context;
  const entries: Entry[] = services.flatMap((service) => upstream(context, service));
  entries.push(...identityProviders(context));
  return [
    toDns(cluster),
    toIstiod(model),
    ...(services.some((service) => proxyLogsIn(service)) ? [toPodIdentityAgent()] : []),
    ...groupByPorts(entries).map(({ peers, ports }) => ({ to: peers, ports })),
  ];
}

function upstream(context: Context, service: PolicyService): Entry[] {
  const { location, resolution, endpoints } = service.spec;
  if (location.type === "mesh") {
    const open = service.ports.filter(({ port }) => mayPass(context.rules.get(service.name) ?? [], port));
    const ports = open.flatMap((port) => podPorts(context, service, port));
    return ports.length === 0 ? [] : [{ peer: pods(location.namespace, location.selector), ports }];
  }
  const ports = service.ports.map(({ targetPort }) => targetPort);
  const known = resolution === "static" && !endpoints.some(hasRef);
  const peers = known ? endpoints.map((address) => block(hostBlock(address))) : OUTSIDE;
  return peers.map((peer) => ({ peer, ports }));
}

function mayPass(rules: readonly Rule[], port: number): boolean {
  return rules.some(
    (rule) => rule.action === "allow" && rule.via.includes("proxy") && rule.ports.includes(port),
  );
}

/** Keys of OIDC issuers are fetched, and signed requests of AWS roles are sent to STS. */
function identityProviders({ model }: Context): Entry[] {
  const { oidc, aws } = model.trust.spec.identityProviders;
  const ports = new Set(oidc.map(({ issuer }) => issuerPort(issuer)));
  if (aws.length > 0) ports.add(443);
  return ports.size === 0 ? [] : OUTSIDE.map((peer) => ({ peer, ports: [...ports] }));
}

function issuerPort(issuer: string): number {
  const url = URL.parse(issuer);
  if (url?.port) return Number(url.port);
  return url?.protocol === "http:" ? 80 : 443;
}
