import type { Protocol } from "../../schema/index.ts";
import type { Breach, LintRule } from "../rule.ts";

/** Ports whose protocol lets the server speak first, and the protocol to declare where there is one. */
const SERVER_FIRST: ReadonlyMap<number, { readonly what: string; readonly protocol?: Protocol }> = new Map([
  [21, { what: "FTP" }],
  [22, { what: "SSH" }],
  [25, { what: "SMTP" }],
  [110, { what: "POP3" }],
  [143, { what: "IMAP" }],
  [587, { what: "SMTP submission" }],
  [3306, { what: "MySQL", protocol: "mysql" }],
  [4222, { what: "NATS", protocol: "nats" }],
  [5900, { what: "VNC" }],
  [27017, { what: "MongoDB", protocol: "mongo" }],
]);

/** Port name prefixes by which Istio knows a port as opaque TCP or TLS. */
const KNOWN_PREFIX = /^(tcp|tls|mysql|mongo|redis)(-|$)/;

/** PR225. */
export const serverFirst: LintRule = {
  id: "PR225",
  title: "Server-first port without its protocol",
  severity: "warning",
  waivable: true,
  why: "The client of a server-first protocol waits for the server's greeting. Whatever waits for the client's first bytes (protocol detection, SNI inspection) makes every connection hang or fail after a timeout (istio#35232, #17457). Istio takes the protocol from the port's name; any other name means detection.",
  fix: "declare the protocol, and leave the port's `name` out",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: shop-db }
spec: { protocol: tcp, hosts: [db.example.com], ports: [3306], location: { type: external } }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: shop-db }
spec: { protocol: mysql, hosts: [db.example.com], ports: [3306], location: { type: external } }
`,
  *check({ model }): Iterable<Breach> {
    for (const service of model.services.values()) {
      const object = `Service/${service.name}` as const;
      const waitsForClient = service.protocol === "tls" || service.spec.tls.mode === "passthrough";
      for (const { port, targetPort, name } of service.ports) {
        const path = [
          "spec",
          "ports",
          service.spec.ports.findIndex((p) => (typeof p === "number" ? p : p.port) === port),
        ];
        const known = SERVER_FIRST.get(port) ?? SERVER_FIRST.get(targetPort);
        if (known && waitsForClient) {
          const message = `${service.name} waits for the client's TLS on port ${port}, where ${known.what} lets the server speak first`;
          yield {
            object,
            path,
            message,
            severity: "error",
            fix: "declare the protocol, and how TLS is done in `tls`",
          };
        } else if (known?.protocol !== undefined && service.protocol === "tcp") {
          const message = `${service.name} declares port ${port} as \`tcp\`; ${known.what} is server-first`;
          yield { object, path, message, fix: `set \`protocol: ${known.protocol}\`` };
        }
        if (!KNOWN_PREFIX.test(name)) {
          const message = `Istio reads the protocol of port ${port} from its name "${name}", and it does not say tcp or tls`;
          yield {
            object,
            path: [...path, "name"],
            message,
            severity: "error",
            fix: `leave \`name\` out, or start it with \`tcp-\``,
          };
        }
      }
    }
  },
};
