/** The Portreeve proxy in a pod of the mesh: the compiled configuration, a certificate from istiod, real backends. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBun } from "../../cli/proxy/find-bun.ts";
import type { RunningIstiod } from "../cluster/istiod.ts";
import type { KubeClient } from "../cluster/kube-client.ts";
import type { Pod } from "../cluster/mesh.ts";
import type { Running } from "../cluster/scope.ts";
import { istioToken } from "../cluster/sidecar.ts";

export interface ProxyPodOptions {
  readonly dir: string;
  readonly istiod: RunningIstiod;
  /** Where each service really is here, instead of AWS. */
  readonly backends: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
}

/**
 * Starts it. Replaced in the configuration: where the services are, their TLS and login (the stand-ins for RDS and ElastiCache
 * have none; the login is held in `test/proxy/broker.parts.test.ts`), and where istiod, its root and the token are, which are a Service and mounts in a cluster. Listeners, rules,
 * identities, limits and the rest of the certificate's source are the compiled ones.
 */
export async function startProxyPod(
  pod: Pod,
  client: KubeClient,
  config: Readonly<Record<string, unknown>>,
  options: ProxyPodOptions,
): Promise<Running> {
  const { dir, istiod, backends } = options;
  const token = join(dir, "istio-token");
  const ca = join(dir, "root-cert.pem");
  writeFileSync(token, await istioToken(client, "portreeve", "portreeve-proxy"), { mode: 0o600 });
  writeFileSync(ca, istiod.rootCertificate);
  const services = (config.services as readonly { name: string }[]).map((service) => ({
    ...service,
    ...(backends[service.name] && {
      endpoints: [backends[service.name]],
      tls: { mode: "none" },
      auth: undefined,
    }),
  }));
  const rules = (config.rules as readonly { service: string }[]).map((rule) => ({
    ...rule,
    ...(backends[rule.service] && { loginUsers: undefined }),
  }));
  const certificate = config.certificate as { source: string; address: string };
  const serverName = certificate.address.replace(/:\d+$/, "");
  const file = join(dir, "proxy.json");
  writeFileSync(
    file,
    JSON.stringify({
      ...config,
      services,
      rules,
      // This istiod is alone and has its default name, where the example's has that of one cluster of two.
      certificate: {
        ...certificate,
        clusterId: "Kubernetes",
        address: istiod.discoveryAddress,
        serverName,
        ca,
        token,
      },
      admin: undefined,
      metrics: { bind: "0.0.0.0", port: 15090 },
      audit: { sinks: [{ type: "stdout" }] },
    }),
  );
  const bun = findBun();
  if (!bun) throw new Error("Bun is not there; npm ci installs it");
  return pod.start("portreeve", bun, [join(import.meta.dirname, "../../proxy-image/main.ts"), file], {
    ready: async () => (await fetch(`http://${pod.ip}:15090/readyz`)).ok,
  });
}
