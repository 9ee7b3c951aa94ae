import { SERVER_FIRST } from "../../istio/server-first-ports.ts";
import type { Protocol } from "../../schema/index.ts";
import type { Breach, LintRule } from "../rule.ts";

/** Istio counts MongoDB among the server-first protocols (pkg/config/kube/conversion.go), and has a filter of its own for it. */
const NAMES: ReadonlyMap<number, string> = new Map([...SERVER_FIRST, [27017, "MongoDB"]]);
/** The protocol to declare, where there is one. */
const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ["MySQL", "mysql"],
  ["NATS", "nats"],
  ["MongoDB", "mongo"],
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
        const known = NAMES.get(port) ?? NAMES.get(targetPort);
        const protocol = known && PROTOCOLS.get(known);
        if (known && waitsForClient) {
          const message = `${service.name} waits for the client's TLS on port ${port}, where ${known} lets the server speak first`;
          yield {
            object,
            path,
            message,
            severity: "error",
            fix: "declare the protocol, and how TLS is done in `tls`",
          };
        } else if (protocol !== undefined && service.protocol === "tcp") {
          const message = `${service.name} declares port ${port} as \`tcp\`; ${known} is server-first`;
          yield { object, path, message, fix: `set \`protocol: ${protocol}\`` };
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
