import type { Finding } from "../../finding.ts";
import type { Service } from "../../model/types.ts";
import { findingAt } from "../report.ts";
import type { IstioContext } from "./context.ts";

/** Protocols whose TLS starts inside the protocol: the server waits for a request in the clear first. */
const TLS_INSIDE: ReadonlySet<string> = new Set(["postgres", "mysql"]);

/** Where the egress gateway cannot do what the policy says, for a service behind it. */
export function gatewayFindings(context: IstioContext, service: Service): Finding[] {
  const { cluster } = context;
  const { tls } = service.spec;
  const findings: Finding[] = [];
  const error = (rule: string, message: string, fix: string) => {
    const blamed = { kind: "Service", id: service.name, position: service.position } as const;
    findings.push(findingAt(rule, "error", blamed, message, fix));
  };
  if (!cluster.egressGateway) {
    error(
      "PR551",
      `Service ${service.name} leaves through an egress gateway, and cluster ${cluster.name} names none`,
      "add `egressGateway` to the cluster in Trust, or use `location.egress: proxy`",
    );
  }
  if (cluster.dataPlane === "ambient") {
    error(
      "PR550",
      `Service ${service.name} leaves through the egress gateway: a sidecar is routed to it and denied there, ztunnel in cluster ${cluster.name} reads no VirtualService and would connect to the host directly, past every grant`,
      "use `location.egress: proxy`, which ambient clients reach by HBONE",
    );
  }
  if (TLS_INSIDE.has(service.protocol) && (tls.mode === "simple" || tls.mode === "mutual")) {
    error(
      "PR552",
      `Service ${service.name} speaks ${service.protocol} with \`tls.mode: ${tls.mode}\`: the proxy asks the server to start TLS inside the protocol, a gateway sends its TLS hello at once and the server closes (istio#29761)`,
      "use `location.egress: proxy`, or let the client start TLS itself (`tls.mode: none`)",
    );
  }
  if (tls.mode === "mutual" && tls.credential === undefined) {
    error(
      "PR553",
      `Service ${service.name} has \`tls.mode: mutual\` without a credential: the proxy would present its own SVID, a gateway has no certificate to present`,
      "name a Secret in the gateway's namespace as `tls.credential`",
    );
  }
  if (tls.mode === "mutual" && tls.credential !== undefined && tls.ca !== undefined) {
    error(
      "PR558",
      `Service ${service.name} names both \`tls.ca\` and \`tls.credential\`: the proxy reads the file, a gateway takes the CA from the credential's Secret and refuses a path beside it`,
      "put the CA into the Secret as `ca.crt` and leave `tls.ca` out, or use `location.egress: proxy`",
    );
  }
  if (service.spec.resolution === "none" && service.spec.addresses.length === 0) {
    error(
      "PR255",
      `Service ${service.name} has \`resolution: none\` and no address: it would catch every connection to its ports`,
      "state `addresses`, or use `resolution: dns`",
    );
  }
  return findings;
}
