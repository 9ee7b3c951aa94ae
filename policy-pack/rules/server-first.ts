import {
  entryProtocol,
  type PortProtocol,
  serviceProtocol,
} from "../../policy/istio/consistency/protocol.ts";
import { SERVER_FIRST } from "../../policy/istio/server-first-ports.ts";
import { fields, kubernetesObject, list, type Resource, sample, text } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";
import { serviceEntry } from "./service-entry.ts";

/** Where Istio waits for the client's first bytes: to detect the protocol, to read HTTP, or the server name of TLS. */
const WAITS: ReadonlySet<PortProtocol> = new Set(["detect", "http", "tls"]);

const service = (port: Record<string, unknown>) =>
  sample("core/v1", "Service", "db", { selector: { app: "db" }, ports: [port] });

/** PR225. */
export const serverFirst: ResourceRule = {
  id: "PR225",
  over: "resource",
  severities: ["warning"],
  remediation:
    "Declare the protocol: `tcp` or `mysql` or `mongo` as the port's name or `appProtocol`, `TCP` in a ServiceEntry.",
  bad: [
    [service({ name: "events", port: 4222 })],
    [service({ name: "http-db", port: 3306 })],
    [
      sample("networking.istio.io/v1", "ServiceEntry", "db", {
        hosts: ["db.example.com"],
        ports: [{ number: 3306, name: "tls-db", protocol: "TLS" }],
        resolution: "DNS",
        exportTo: ["."],
      }),
    ],
  ],
  good: [
    [service({ name: "tcp-events", port: 4222 })],
    // Istio never detects on this port, whatever its name.
    [service({ name: "db", port: 3306 })],
    [service({ name: "db", port: 3306, appProtocol: "mysql" })],
  ],
  *check(resource): Iterable<StackBreach> {
    for (const { id, port, waits } of ports(resource)) {
      const what = SERVER_FIRST.get(port);
      if (what === undefined || !waits) continue;
      yield {
        message: `${id} has Istio wait for the client's first bytes on port ${port}, where ${what} lets the server speak first`,
      };
    }
  },
};

function ports(resource: Resource): { id: string; port: number; waits: boolean }[] {
  const entry = serviceEntry(resource);
  if (entry) {
    return entry.ports.map(({ number, protocol }) => ({
      id: entry.id,
      port: number,
      waits: WAITS.has(entryProtocol(protocol)),
    }));
  }
  const object = kubernetesObject(resource);
  if (object?.kind !== "/Service") return [];
  return list(object.spec.ports)
    .map(fields)
    .map((port) => ({
      id: `Service ${object.namespace}/${object.name}`,
      port: Number(port.port),
      waits: WAITS.has(
        serviceProtocol(Number(port.port), text(port.name), text(port.appProtocol) || undefined),
      ),
    }));
}
