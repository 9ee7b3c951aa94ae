import type { Finding } from "../../finding.ts";
import type { Cluster, Model, Service } from "../../model/types.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import { HBONE_PORT, PROXY_MOUNTS } from "../../plan/proxy-mounts.ts";
import { findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";
import { tokenLoginListener } from "./token-login.ts";

type Listener = ProxyConfigInput["listeners"][number];

/**
 * The ports of a shard: the shared one, where the client names the service, and one for each port of each external service.
 * A service in the mesh has no listener of its own: workloads reach it directly, and others through the shared port.
 * In an ambient cluster there is one port more: ztunnel takes the tunnel label of the pods at its word and reaches every
 * other port of theirs through it.
 *
 * @param planned see `planListenerPorts`
 */
export function proxyListeners(
  model: Model,
  cluster: Cluster,
  services: readonly Service[],
  planned: ReadonlyMap<string, number>,
  findings: Finding[],
): Listener[] {
  const { connectPort, connectCertificate } = model.trust.spec.proxy;
  const folder = `${PROXY_MOUNTS.credentials.dir}/${connectCertificate ?? ""}`;
  const certificate = { cert: `${folder}/tls.crt`, key: `${folder}/tls.key` };
  const listeners: Listener[] = [
    {
      name: "connect",
      mode: "connect",
      port: connectPort,
      ...(connectCertificate !== undefined && { certificate }),
    },
  ];
  if (cluster.dataPlane === "ambient") listeners.push({ name: "hbone", mode: "hbone", port: HBONE_PORT });
  for (const service of services) {
    if (service.enforcement !== "proxy") continue;
    for (const { port } of service.ports) {
      const listener = planned.get(servicePortKey(service.name, port));
      if (listener === undefined) continue;
      if (listener === connectPort) {
        findings.push(
          findingAt(
            "PR208",
            "error",
            { kind: "Trust", id: model.trust.name, position: model.trust.position },
            `\`proxy.connectPort\` ${connectPort} is also the planned listener port of ${service.name}:${port}`,
            "choose a `connectPort` outside 20000 to 29999",
          ),
        );
      }
      listeners.push({
        name: `${service.name}-${port}`,
        mode: "mtls",
        port: listener,
        service: service.name,
        servicePort: port,
      });
    }
    const token = tokenLoginListener(service);
    if (token) {
      listeners.push({ ...token, ...(connectCertificate !== undefined && { certificate }) });
    }
  }
  return listeners;
}
