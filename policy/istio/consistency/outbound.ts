import type { Finding } from "../../finding.ts";
import type { Pod } from "../../kubernetes/reach/index.ts";
import { backendsOf } from "./backends.ts";
import { planeOf } from "./server-mode.ts";
import { finding, listed } from "./tell.ts";
import { isGateway, named, namedPolicy, type World } from "./world.ts";

const EXCLUDE = "traffic.sidecar.istio.io/excludeOutboundPorts";

/**
 * Ports that a pod dials past its sidecar, where the mesh has a service on the port whose proxy demands mTLS or reads
 * identities (PR536): the connection arrives as plaintext, without an identity.
 */
export function outboundPastSidecar(world: World): Finding[] {
  const seen = new Set<string>();
  return world.cluster.pods.flatMap((pod) => {
    const ports = planeOf(world, pod) === "sidecar" ? excluded(pod) : [];
    return ports.flatMap((port) => {
      const key = `${pod.workload} ${port}`;
      if (seen.has(key) || isGateway(world, pod.labels)) return [];
      seen.add(key);
      const strict = strictOn(world, port);
      if (strict.hosts.length === 0) return [];
      const message = `${pod.workload} dials port ${port} past its sidecar (${EXCLUDE}), in plaintext and without an identity; ${listed(strict.policies)} demands mTLS at ${listed(strict.hosts)} on that port`;
      const path = world.podPaths.get(pod.workload) ?? [0];
      const fix = "take the port out of the annotation, or exclude the addresses outside of the mesh instead";
      return [finding(world, "PR536", path, `Workload ${pod.workload}`, message, fix)];
    });
  });
}

function excluded({ annotations }: Pod): number[] {
  return (annotations[EXCLUDE] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
}

/** The services of the mesh on a port that refuse plaintext. Before translation, it is the Service's port that is dialled. */
function strictOn(world: World, number: number) {
  const hosts: string[] = [];
  const policies: string[] = [];
  for (const service of world.services) {
    for (const port of service.ports) {
      const dialled = service.passthrough && typeof port.target === "number" ? port.target : port.number;
      if (dialled !== number) continue;
      for (const { mode, policy } of backendsOf(world, service, port)) {
        if (mode !== "STRICT") continue;
        hosts.push(named(world, service.id, service.path));
        if (policy !== undefined) policies.push(namedPolicy(world, "PeerAuthentication", policy));
      }
    }
  }
  return { hosts, policies };
}
