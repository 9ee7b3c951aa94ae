import { compareFindings, type Finding } from "../../finding.ts";
import { autoConflicts } from "./auto.ts";
import { bypassedPaths } from "./bypass.ts";
import { outboundPastSidecar } from "./outbound.ts";
import { readWorld } from "./read.ts";
import { serverFirstPorts } from "./server-first.ts";
import { sharedListeners } from "./shared-listeners.ts";
import { tlsConflicts } from "./tls-conflicts.ts";
import type { Locate, Options } from "./world.ts";

export type { Options as MeshOptions } from "./world.ts";

/**
 * What is wrong between ordinary Istio and Kubernetes objects, though each of them is valid: DestinationRules against
 * PeerAuthentications, ports that go past the proxy, protocols that are detected where the server speaks first, TCP services that share a listener. Objects of
 * other kinds are passed over. Pure: the objects are all that is known of the mesh.
 *
 * @param locate - where a value is written, by the index of the object and the path in it
 * @returns findings PR530 to PR543 by position, and PR190 or PR191 for objects that cannot be read
 * @example checkMesh([destinationRule, peerAuthentication, service]).filter(({ severity }) => severity === "error")
 */
export function checkMesh(
  objects: readonly unknown[],
  locate: Locate = () => undefined,
  options: Options = {},
): Finding[] {
  const world = readWorld(objects, locate, options);
  return [
    ...world.findings,
    ...tlsConflicts(world),
    ...autoConflicts(world),
    ...bypassedPaths(world),
    ...outboundPastSidecar(world),
    ...serverFirstPorts(world),
    ...sharedListeners(world),
  ].sort(compareFindings);
}
