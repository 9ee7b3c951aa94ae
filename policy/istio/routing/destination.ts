import ipaddr from "ipaddr.js";
import { modeOf, peerScopes } from "../authorization/peer-authentication.ts";
import { clientMode, type TlsMode } from "../consistency/client-mode.ts";
import type { DestinationRules, MergedRule } from "../consistency/destination-rules.ts";
import type { Subset, TrafficPolicy } from "../consistency/schema.ts";
import { sidecarPortMode } from "../consistency/server-mode.ts";
import { hasLabels } from "../consistency/world.ts";
import { type ClusterId, parseClusterName } from "./cluster-name.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import type { Scope } from "./scope.ts";
import type { Registered, RegistryPort, RoutingWorld } from "./world.ts";

/** What a client's proxy puts on the wire to one endpoint. */
export type Sent = "plaintext" | "ISTIO_MUTUAL" | "SIMPLE" | "MUTUAL";

export interface DialledEndpoint {
  readonly endpoint: Endpoint;
  readonly sends: Sent;
}

/** A destination that a proxy has a cluster for. */
export interface Destination {
  readonly id: ClusterId;
  readonly service: Registered;
  readonly port: RegistryPort;
  /** True where the address that the client dialled is dialled; the endpoints are then those that it may be. */
  readonly passthrough: boolean;
  /** The port that is dialled instead of the client's, with `passthrough`. */
  readonly portOverride: number | undefined;
  readonly endpoints: readonly DialledEndpoint[];
  /** What is sent where the endpoint is not known. */
  readonly sends: Sent;
  /** Why it is sent. */
  readonly because: string;
  /** The server name of TLS that the proxy starts. */
  readonly sni: string;
}

/** Why a route leads nowhere. */
export interface Missing {
  readonly id: ClusterId;
  readonly reason: string;
}

/**
 * The cluster of a route's target, as the proxy has it (pilot/pkg/networking/core/cluster.go): its endpoints, and what is
 * sent to each by DestinationRule, or by automatic mTLS where no rule says.
 */
export function destination(
  world: RoutingWorld,
  scope: Scope,
  rules: DestinationRules,
  cluster: string,
  isGateway = false,
): Destination | Missing {
  const id = parseClusterName(cluster) ?? { host: cluster, port: 0, subset: undefined };
  const service = scope.services.get(id.host);
  if (service === undefined || service.resolution === "alias") {
    return { id, reason: `the proxy knows no service ${id.host}` };
  }
  const port = service.ports.find(({ number, protocol }) => number === id.port && protocol !== "none");
  if (port === undefined) return { id, reason: `${service.id} has no TCP port ${id.port}` };
  const merged = rules.find(scope.client.namespace, scope.client.labels, service);
  const subset = merged?.subsets.find((one) => one.subset.name === id.subset)?.subset;
  if (id.subset !== undefined && subset === undefined) {
    return { id, reason: `no DestinationRule for ${id.host} has a subset ${id.subset}` };
  }
  const all = endpointsOf(world, service, port);
  const chosen = all.filter(
    ({ labels, address }) =>
      hasLabels(subset?.labels ?? {}, labels) &&
      // Names cannot be endpoints of a destination that is given by addresses: istiod drops them.
      (service.resolution !== "static" || address === undefined || ipaddr.isValid(address)),
  );
  const passthrough =
    (service.resolution === "passthrough" && !isGateway) || dialsClientAddress(merged, subset, port.number);
  if (service.resolution === "dns" && chosen.length === 0) {
    return { id, reason: `${service.id} is to be resolved by DNS, and nothing is behind it` };
  }
  const mode = clientMode(merged, port.number, id.subset);
  const { sends, because } = wire(world, service, all, mode, {
    together: isInferredTogether(service, merged, subset),
    passthrough,
  });
  const endpoints = chosen.map((endpoint) => ({ endpoint, sends: sends(endpoint) }));
  return {
    id,
    service,
    port,
    passthrough,
    portOverride: service.resolution === "passthrough" ? service.overrides.get(port.number) : undefined,
    endpoints,
    sends: endpoints[0]?.sends ?? sends(UNKNOWN),
    because,
    sni: writtenSni(merged, subset, port.number) ?? `outbound_.${id.port}_.${id.subset ?? ""}_.${id.host}`,
  };
}

/** The closest `tls` that names one: a subset's before the rule's, a port's before the rest. */
function writtenSni(
  merged: MergedRule | undefined,
  subset: Subset | undefined,
  port: number,
): string | undefined {
  const policies = [subset?.trafficPolicy, merged?.policy?.trafficPolicy];
  for (const policy of policies) {
    const own = policy?.portLevelSettings?.find((one) => one.port?.number === port);
    const tls = own === undefined ? policy?.tls : own.tls;
    if (tls) return tls.sni || undefined;
  }
  return undefined;
}

const simpleOf = (policy: TrafficPolicy | null | undefined): string | undefined =>
  policy?.loadBalancer?.simple ?? undefined;

/** Whether the load balancer in effect dials the client's address. A port's own settings inherit nothing. */
function dialsClientAddress(
  merged: MergedRule | undefined,
  subset: Subset | undefined,
  port: number,
): boolean {
  const at = (policy: TrafficPolicy | null | undefined) => {
    const own = policy?.portLevelSettings?.find((one) => one.port?.number === port);
    return own === undefined
      ? { simple: simpleOf(policy), ends: false }
      : { simple: own.loadBalancer?.simple ?? undefined, ends: true };
  };
  const top = at(merged?.policy?.trafficPolicy);
  const own = at(subset?.trafficPolicy);
  const simple = own.ends ? own.simple : (own.simple ?? top.simple);
  return simple === PASS || simpleOf(subset?.trafficPolicy) === PASS;
}

/** Where istiod decides on mTLS for all endpoints at once, it looks at the whole policy, and never at a port's settings. */
function isInferredTogether(
  service: Registered,
  merged: MergedRule | undefined,
  subset: Subset | undefined,
): boolean {
  const policy = subset === undefined ? merged?.policy?.trafficPolicy : subset.trafficPolicy;
  return service.resolution === "passthrough" || simpleOf(policy) === PASS;
}

const PASS = "PASSTHROUGH";

/** What nothing is known of takes no mTLS of Istio's. */
const UNKNOWN: Endpoint = {
  address: undefined,
  port: 0,
  labels: {},
  pod: undefined,
  takesMtls: false,
  imagined: false,
};

interface Wire {
  readonly sends: (endpoint: Endpoint) => Sent;
  readonly because: string;
}

function wire(
  world: RoutingWorld,
  service: Registered,
  endpoints: readonly Endpoint[],
  mode: ReturnType<typeof clientMode>,
  { together, passthrough }: { readonly together: boolean; readonly passthrough: boolean },
): Wire {
  const always = (sent: Sent, because: string): Wire => ({ sends: () => sent, because });
  const written = mode.type === "set" ? mode : undefined;
  const more = written?.because === undefined ? "" : ` (${written.because})`;
  if (written !== undefined && written.endpointsOnly !== true) {
    return always(toSent(written.mode), `${written.mode} by ${written.rule.id}${more}`);
  }
  if (service.external) return always("plaintext", "automatic mTLS is not used outside of the mesh");
  if (together && (endpoints.length === 0 || endpoints.some(({ takesMtls }) => !takesMtls))) {
    return always(
      "plaintext",
      "pods that are dialled by address get mTLS only if all of them have a sidecar",
    );
  }
  if (namespaceMode(world, service.namespace) === "DISABLE") {
    return always("plaintext", `mTLS is turned off for namespace ${service.namespace}`);
  }
  if (passthrough) return always("ISTIO_MUTUAL", "automatic mTLS: all pods have a sidecar");
  if (written !== undefined)
    return always(toSent(written.mode), `${written.mode} by ${written.rule.id}${more}`);
  return {
    sends: (endpoint) => (takesMtls(world, service, endpoint) ? "ISTIO_MUTUAL" : "plaintext"),
    because: "automatic mTLS: each endpoint gets what it takes",
  };
}

function takesMtls(
  { mesh }: RoutingWorld,
  { namespace }: Registered,
  { takesMtls: able, labels, port }: Endpoint,
): boolean {
  return able && sidecarPortMode(mesh, { namespace, labels }, port).mode !== "DISABLE";
}

function namespaceMode({ mesh }: RoutingWorld, namespace: string): string | undefined {
  const scopes = peerScopes(mesh.peers, { namespace, labels: {}, rootNamespace: mesh.rootNamespace });
  return modeOf(scopes.namespace?.spec?.mtls) ?? modeOf(scopes.mesh?.spec?.mtls);
}

function toSent(mode: TlsMode): Sent {
  return mode === "DISABLE" ? "plaintext" : mode;
}
