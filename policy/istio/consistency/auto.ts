import type { Finding } from "../../finding.ts";
import { modeOf, peerScopes } from "../authorization/peer-authentication.ts";
import { nameOf } from "../authorization/select.ts";
import { backendsOf } from "./backends.ts";
import { clientMode } from "./client-mode.ts";
import { clientsOf, isVisible } from "./clients.ts";
import { DestinationRules } from "./destination-rules.ts";
import type { Backend } from "./server-mode.ts";
import { finding, listed } from "./tell.ts";
import { type MeshPort, type MeshService, namedPolicy, type World } from "./world.ts";

/**
 * Where automatic mTLS itself goes wrong: it looks at the namespace's PeerAuthentication, never at a workload's, to decide
 * whether a service takes mTLS at all (PR542), and cannot treat the pods of a headless service differently (PR540, PR541;
 * pilot/pkg/model/push_context.go, BestEffortInferServiceMTLSMode).
 */
export function autoConflicts(world: World): Finding[] {
  const rules = new DestinationRules(world.rules, world.rootNamespace);
  const clients = clientsOf(world);
  return world.services.flatMap((service) => {
    if (service.external) return [];
    return service.ports.flatMap((port) => {
      const isAuto = clients.some(
        ({ namespace, labels }) =>
          isVisible(service, namespace) &&
          clientMode(rules.find(namespace, labels, service), port.number).type === "auto",
      );
      return isAuto ? judge(world, service, port, backendsOf(world, service, port)) : [];
    });
  });
}

function judge(world: World, service: MeshService, port: MeshPort, backends: readonly Backend[]): Finding[] {
  const strict = backends.filter(({ mode }) => mode === "STRICT");
  const off = backends.filter(({ mode }) => mode === "DISABLE");
  const outside = backends.filter(({ mode }) => mode === "none" || mode === "ztunnel");
  const to = `${service.host}:${port.number}`;
  const tell = (rule: string, message: string, fix: string): Finding =>
    finding(world, rule, port.path, service.id, message, fix);
  const disabled = namespaceDisable(world, service.namespace);
  if (disabled !== undefined && strict.length > 0) {
    return [
      tell(
        "PR542",
        `clients send plaintext to ${to}, because ${namedPolicy(world, "PeerAuthentication", disabled)} turns mTLS off for the namespace; ${policies(world, strict)} demands it on ${targets(strict)}`,
        "make the namespace's PeerAuthentication PERMISSIVE, or set ISTIO_MUTUAL in a DestinationRule for this host",
      ),
    ];
  }
  if (!service.passthrough || disabled !== undefined) return [];
  if (strict.length > 0 && outside.length > 0) {
    return [
      tell(
        "PR540",
        `clients send plaintext to all pods of headless ${to}, because ${targets(outside)} has no sidecar; ${policies(world, strict)} demands mTLS on ${targets(strict)} (istio#7495)`,
        "give all pods behind a headless Service a sidecar, or none",
      ),
    ];
  }
  if (off.length > 0 && outside.length === 0) {
    return [
      tell(
        "PR541",
        `clients send mTLS to all pods of headless ${to}; ${policies(world, off)} turns it off on ${targets(off)}, and the application gets the handshake as data`,
        "make the port PERMISSIVE, or set DISABLE in a DestinationRule for this host and port",
      ),
    ];
  }
  return [];
}

/** The policy that turns mTLS off for a whole namespace, as `namespace/name`. */
function namespaceDisable(world: World, namespace: string): string | undefined {
  const scopes = peerScopes(world.peers, { namespace, labels: {}, rootNamespace: world.rootNamespace });
  for (const policy of [scopes.namespace, scopes.mesh]) {
    const mode = modeOf(policy?.spec?.mtls);
    if (policy !== undefined && mode !== undefined) return mode === "DISABLE" ? nameOf(policy) : undefined;
  }
  return undefined;
}

function targets(backends: readonly Backend[]): string {
  return listed(backends.map(({ name, port }) => `${name} port ${port}`));
}

function policies(world: World, backends: readonly Backend[]): string {
  return listed(
    backends.flatMap(({ policy }) => (policy ? [namedPolicy(world, "PeerAuthentication", policy)] : [])),
  );
}
