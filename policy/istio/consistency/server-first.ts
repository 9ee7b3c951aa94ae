import type { Finding } from "../../finding.ts";
import { SERVER_FIRST } from "../server-first-ports.ts";
import { clientsOf } from "./clients.ts";
import { planeOf } from "./server-mode.ts";
import { finding } from "./tell.ts";
import { podsBehind, type World } from "./world.ts";

/** Ports of server-first protocols that a proxy would wait on, or would read as HTTP (PR539). */
export function serverFirstPorts(world: World): Finding[] {
  const hasClients = clientsOf(world).length > 0;
  return world.services.flatMap((service) => {
    const behind = podsBehind(world, service);
    // ztunnel does not look at bytes; only sidecars do, of a client or before the server.
    const sniffed = hasClients || behind.some((pod) => planeOf(world, pod) === "sidecar");
    if (!sniffed) return [];
    return service.ports.flatMap((port) => {
      const what =
        SERVER_FIRST.get(port.number) ??
        (typeof port.target === "number" ? SERVER_FIRST.get(port.target) : undefined);
      if (what === undefined || (port.protocol !== "detect" && port.protocol !== "http")) return [];
      const how =
        port.protocol === "http"
          ? "is named for HTTP, which a proxy reads its first bytes as"
          : "does not say its protocol, so a sidecar waits for the client's first bytes to detect it";
      const message = `${service.id} port ${port.number} ${how}; with ${what} the server speaks first`;
      const fix =
        service.id.startsWith("ServiceEntry") || what !== "MySQL"
          ? "set `protocol: TCP` in a ServiceEntry; in a Service start the port's name with `tcp-` or set `appProtocol: tcp`"
          : "start the port's name with `tcp-` or `mysql-`, or set `appProtocol: tcp`";
      return [finding(world, "PR539", port.path, service.id, message, fix)];
    });
  });
}
