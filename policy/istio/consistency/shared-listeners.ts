import type { Finding } from "../../finding.ts";
import type { PortProtocol } from "./protocol.ts";
import { finding, listed } from "./tell.ts";
import { type MeshPort, type MeshService, named, type World } from "./world.ts";

/** Protocols whose connections show nothing but an address and a port. TLS shows a server name, HTTP a host. */
const OPAQUE: ReadonlySet<PortProtocol> = new Set(["tcp", "mongo", "redis", "mysql"]);

/**
 * Hosts of ServiceEntries that a client's sidecar cannot tell apart (PR543). Without an address of its own an entry's port is
 * a listener `0.0.0.0:PORT`, and there is one of that; istiod puts the entries behind it in a row, and the first one gets all.
 */
export function sharedListeners(world: World): Finding[] {
  const seen = new Map<string, MeshService[]>();
  return world.services.flatMap((service) =>
    service.ports.flatMap((port) => {
      if (!OPAQUE.has(port.protocol)) return [];
      const others = new Set<MeshService>();
      for (const key of listenersOf(service, port)) {
        const before = seen.get(key) ?? [];
        for (const other of before) if (meets(other, service)) others.add(other);
        seen.set(key, [...before, service]);
      }
      if (others.size === 0) return [];
      const names = listed(
        [...others].map((other) => `${other.host} (${named(world, other.id, other.path)})`),
      );
      const message = `${service.host}:${port.number} shares a listener with ${names}: a TCP connection does not say which of them it is for`;
      const fix =
        "give each ServiceEntry an address of its own in `addresses`, or rely on Istio's DNS proxy with allocated addresses";
      return [finding(world, "PR543", port.path, service.id, message, fix)];
    }),
  );
}

/** The listeners of a port, as far as the objects tell them; none for a Service, whose address nobody else has. */
function listenersOf({ addresses }: MeshService, { number }: MeshPort): string[] {
  if (addresses === undefined) return [];
  const own = addresses.length > 0 ? [...new Set(addresses)] : ["0.0.0.0"];
  return own.map((address) => `${address}:${number}`);
}

/** Whether a client may see both. Hosts of one entry are one service, and the same host is no wrong destination. */
function meets(a: MeshService, b: MeshService): boolean {
  if (a.id === b.id || a.host === b.host) return false;
  const [left, right] = [seenFrom(a), seenFrom(b)];
  if (left === "everywhere") return right === "everywhere" || right.size > 0;
  if (right === "everywhere") return left.size > 0;
  return [...left].some((namespace) => right.has(namespace));
}

function seenFrom({ exportTo, namespace }: MeshService): "everywhere" | ReadonlySet<string> {
  if (exportTo.length === 0 || exportTo.includes("*")) return "everywhere";
  return new Set(exportTo.filter((to) => to !== "~").map((to) => (to === "." ? namespace : to)));
}
