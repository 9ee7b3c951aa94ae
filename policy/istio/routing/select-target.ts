import { DestinationRules } from "../consistency/destination-rules.ts";
import { type Chain, destinationCluster, type Target } from "./chains.ts";
import { BLACK_HOLE, PASSTHROUGH } from "./cluster-name.ts";
import { type OutboundListener, outboundListeners, refusedBy } from "./listeners.ts";
import { type FirstBytes, matchChain, matchListener } from "./match.ts";
import { type Scope, scopeOf } from "./scope.ts";
import type { Pod, RoutingWorld } from "./world.ts";

/** What decides at a client's sidecar, worked out once for many connections. */
export interface SidecarView {
  readonly scope: Scope;
  readonly listeners: readonly OutboundListener[];
  readonly rules: DestinationRules;
}

export function sidecarView(world: RoutingWorld, pod: Pod): SidecarView {
  const scope = scopeOf(world, pod);
  return {
    scope,
    listeners: outboundListeners(world, scope, world.addressOf.get(pod)),
    rules: new DestinationRules(world.mesh.rules, world.mesh.rootNamespace),
  };
}

/** Where a sidecar sends a connection: the clusters, by name, as Envoy would log them. */
export interface Selected {
  readonly listener: OutboundListener | undefined;
  readonly chain: Chain | undefined;
  readonly targets: readonly Target[];
  /** True for what Envoy parses as HTTP, and routes by its Host header. */
  readonly http: boolean;
  /** Why Envoy refuses the listener; nothing is decided then. */
  readonly refused: string | undefined;
}

export function selectTarget(view: SidecarView, address: string, port: number, first: FirstBytes): Selected {
  const listener = matchListener(view.listeners, address, port);
  const refused = listener && refusedBy(listener);
  const chain = listener && matchChain(listener, address, first);
  if (chain?.http === true) return { listener, chain, targets: [], http: true, refused };
  const targets = chain?.targets ?? [{ cluster: catchAll(view.scope), weight: 100 }];
  return { listener, chain, targets, http: false, refused };
}

/** Where everything goes that no listener is for. */
function catchAll(scope: Scope): string {
  const { mode, egressProxy } = scope.outbound;
  if (mode !== "ALLOW_ANY" && mode !== "ALLOW_ANY_DYNAMIC_DNS") return BLACK_HOLE;
  return egressProxy === undefined
    ? PASSTHROUGH
    : destinationCluster({ ...scope, services: new Map() }, egressProxy, 0);
}
