import { sidecarFor } from "./scope.ts";
import type { Pod, RoutingWorld } from "./world.ts";

export const UNKNOWN_ADDRESS =
  "a policy there decides on addresses, and the client's is not known: it is taken as in none of the blocks";

export function readsAddresses({ mesh }: RoutingWorld, { namespace }: Pod): boolean {
  return mesh.authorizations.some(
    (policy) =>
      [namespace, mesh.rootNamespace].includes(policy.metadata.namespace ?? "default") &&
      /"(?:not)?(?:remote)?ipBlocks"|"source\.ip"|"remote\.ip"/i.test(JSON.stringify(policy.spec ?? {})),
  );
}

/** A Sidecar with `ingress` has listeners for those ports; for others the defaults stay. */
export function ingressNotes(world: RoutingWorld, pod: Pod, port: number): string[] {
  const sidecar = sidecarFor(world, pod);
  const ingress = sidecar?.spec.ingress?.find((one) => one.port.number === port);
  if (sidecar === undefined || ingress === undefined) return [];
  const to = ingress.defaultEndpoint ? `; it hands the connection to ${ingress.defaultEndpoint}` : "";
  const tls = ingress.tls
    ? `; it terminates TLS of mode ${ingress.tls.mode ?? "SIMPLE"} there unless the port is mTLS: not judged`
    : "";
  return [`${sidecar.id} has an ingress listener for port ${port}${to}${tls}`];
}

export function waypointNotes(world: RoutingWorld, { namespace }: Pod): string[] {
  const waypoint = world.waypoints.get(namespace);
  if (waypoint === undefined || waypoint === "none") return [];
  return [
    `namespace ${namespace} asks for waypoint ${waypoint}: policies with targetRefs and all HTTP rules apply there, not at ztunnel: not judged`,
  ];
}
