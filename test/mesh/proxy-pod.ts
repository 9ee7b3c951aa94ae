/** The Portreeve proxy in a pod of the mesh: the compiled configuration, a certificate of the mesh's CA, real backends. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBun } from "../../cli/proxy/find-bun.ts";
import type { KubeClient } from "../cluster/kube-client.ts";
import type { Pod } from "../cluster/mesh.ts";
import type { Running } from "../cluster/scope.ts";
import { run } from "../toolchain/run.ts";

export interface ProxyPodOptions {
  readonly dir: string;
  readonly spiffeId: string;
  /** Where each service really is here, instead of AWS. */
  readonly backends: Readonly<Record<string, { readonly host: string; readonly port: number }>>;
}

/**
 * Starts it. Replaced in the configuration: where the services are, their TLS (the stand-ins for RDS and ElastiCache speak
 * none), and the certificate's source. Listeners, rules, identities and limits are the compiled ones.
 */
export async function startProxyPod(
  pod: Pod,
  client: KubeClient,
  config: Readonly<Record<string, unknown>>,
  options: ProxyPodOptions,
): Promise<Running> {
  const { dir, backends } = options;
  const root = await issueFromMesh(client, options);
  const services = (config.services as readonly { name: string }[]).map((service) => ({
    ...service,
    ...(backends[service.name] && { endpoints: [backends[service.name]], tls: { mode: "none" } }),
  }));
  const trust = config.trust as { trustDomain: string };
  const file = join(dir, "proxy.json");
  writeFileSync(
    file,
    JSON.stringify({
      ...config,
      services,
      trust: { ...trust, bundles: [{ trustDomain: trust.trustDomain, file: root }] },
      certificate: { source: "files", cert: join(dir, "proxy.pem"), key: join(dir, "proxy.key") },
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

/** A certificate for the proxy, signed by istiod's own CA, as istiod would sign one for the service account. */
async function issueFromMesh(client: KubeClient, { dir, spiffeId }: ProxyPodOptions): Promise<string> {
  const secret = await client.get({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "istio-ca-secret", namespace: "istio-system" },
  });
  const data = (secret as unknown as { data: Readonly<Record<string, string>> }).data;
  const file = (name: string) => join(dir, name);
  for (const name of ["ca-cert.pem", "ca-key.pem"])
    writeFileSync(file(name), Buffer.from(data[name] ?? "", "base64"), { mode: 0o600 });
  writeFileSync(
    file("san.cnf"),
    `subjectAltName=critical,URI:${spiffeId}\nbasicConstraints=CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  const openssl = (...args: string[]) => run("openssl", args, { cwd: dir });
  await openssl(
    "req",
    "-new",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-subj",
    "/",
    "-keyout",
    "proxy.key",
    "-out",
    "proxy.csr",
  );
  await openssl(
    "x509",
    "-req",
    "-in",
    "proxy.csr",
    "-CA",
    "ca-cert.pem",
    "-CAkey",
    "ca-key.pem",
    "-CAcreateserial",
    "-days",
    "1",
    "-extfile",
    "san.cnf",
    "-out",
    "proxy.pem",
  );
  return file("ca-cert.pem");
}
