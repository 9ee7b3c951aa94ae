import { fields, kubernetesObject, list, type Resource, sample, text } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";
import { serviceEntry } from "./service-entry.ts";

/** Ports whose protocol lets the server speak first. */
const SERVER_FIRST: ReadonlyMap<number, string> = new Map([
  [21, "FTP"],
  [22, "SSH"],
  [25, "SMTP"],
  [110, "POP3"],
  [143, "IMAP"],
  [587, "SMTP submission"],
  [3306, "MySQL"],
  [4222, "NATS"],
  [5900, "VNC"],
  [27017, "MongoDB"],
]);
/** What Istio takes as opaque without looking at the first bytes. */
const OPAQUE = /^(tcp|mysql|mongo)(-|$)/i;
/** What makes Istio wait for the client's first bytes. */
const WAITS = /^(TLS|HTTPS|HTTP|HTTP2|GRPC|GRPC-WEB)$/;

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
    [service({ name: "db", port: 3306 })],
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
    [service({ name: "tcp-db", port: 3306 })],
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
      waits: WAITS.test(protocol),
    }));
  }
  const object = kubernetesObject(resource);
  if (object?.kind !== "/Service") return [];
  return list(object.spec.ports)
    .map(fields)
    .map((port) => ({
      id: `Service ${object.namespace}/${object.name}`,
      port: Number(port.port),
      waits: !OPAQUE.test(text(port.appProtocol) || text(port.name)),
    }));
}
