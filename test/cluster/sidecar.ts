/** Istio's own agent with stock Envoy beside a workload, and the redirection of the workload's traffic into it. */
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import type { RunningIstiod } from "./istiod.ts";
import type { KubeClient } from "./kube-client.ts";
import type { Namespace } from "./network.ts";
import type { Running, Scope } from "./scope.ts";

/** The user that Istio's redirection leaves alone: the proxy's own traffic. */
const PROXY_USER = 1337;

/** Outbound to Envoy's 15001, inbound to its 15006; health and metrics go straight through. */
const REDIRECTION = `
table ip istio {
  chain out {
    type nat hook output priority -100;
    meta skuid ${PROXY_USER} accept
    oifname lo accept
    ip protocol tcp redirect to :15001
  }
  chain in {
    type nat hook prerouting priority -100;
    tcp dport { 15020, 15021, 15090 } accept
    ip protocol tcp redirect to :15006
  }
}
`;

export interface Programs {
  readonly agent: string;
  readonly envoy: string;
  readonly bootstrap: string;
}

/** The programs where the proxy's user may run them: the cache is private to its owner. */
export async function stageSidecarPrograms(scope: Scope): Promise<Programs> {
  const [agent, envoy] = [await part("pilot-agent"), await part("envoy")];
  const folder = join(scope.dir, "sidecar");
  mkdirSync(folder);
  chmodSync(scope.dir, 0o755);
  const stage = (from: string, name: string) => {
    const to = join(folder, name);
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    chmodSync(to, 0o755);
    return to;
  };
  return {
    agent: stage(agent.path, "pilot-agent"),
    envoy: stage(envoy.path, "envoy"),
    bootstrap: stage(join(dirname(agent.path), "../share/envoy_bootstrap.json"), "bootstrap.json"),
  };
}

export interface SidecarOf {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Starts the agent in the workload's network namespace; ready when Envoy has its configuration. */
export async function startSidecar(
  scope: Scope,
  programs: Programs,
  client: KubeClient,
  istiod: RunningIstiod,
  workload: SidecarOf,
  network: Namespace,
): Promise<Running> {
  const { name, namespace, serviceAccount, labels } = workload;
  const home = join(scope.dir, `agent-${namespace}-${name}`);
  // The agent looks for its token and root certificate at paths relative to where it runs.
  const files: Record<string, string> = {
    "var/run/secrets/tokens/istio-token": await istioToken(client, namespace, serviceAccount),
    "var/run/secrets/istio/root-cert.pem": istiod.rootCertificate,
    "redirection.nft": REDIRECTION,
  };
  mkdirSync(join(home, "etc/istio/proxy"), { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text);
  }
  giveTo(home, PROXY_USER);
  const enter = ["netns", "exec", network.name];
  await run("ip", [...enter, (await part("nft")).path, "-f", join(home, "redirection.nft")]);
  const user = ["setpriv", `--reuid=${PROXY_USER}`, `--regid=${PROXY_USER}`, "--clear-groups"];
  const agent = [programs.agent, "proxy", "sidecar", `--domain=${namespace}.svc.cluster.local`];
  return scope.start(
    `sidecar-${namespace}-${name}`,
    "ip",
    [...enter, ...user, ...agent, "--proxyLogLevel=warning"],
    {
      cwd: home,
      env: {
        PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
        HOME: home,
        POD_NAME: name,
        POD_NAMESPACE: namespace,
        INSTANCE_IP: network.ip,
        SERVICE_ACCOUNT: serviceAccount,
        ISTIOD_SAN: "istiod.istio-system.svc",
        CA_ADDR: istiod.discoveryAddress,
        ISTIO_META_CLUSTER_ID: "Kubernetes",
        ISTIO_META_INTERCEPTION_MODE: "REDIRECT",
        ISTIO_META_WORKLOAD_NAME: name,
        ISTIO_METAJSON_LABELS: JSON.stringify(labels),
        PROXY_CONFIG: JSON.stringify({
          discoveryAddress: istiod.discoveryAddress,
          binaryPath: programs.envoy,
          configPath: join(home, "etc/istio/proxy"),
          proxyBootstrapTemplatePath: programs.bootstrap,
          concurrency: 1,
        }),
      },
      logOwner: PROXY_USER,
      timeoutSeconds: 90,
      ready: async () => (await fetch(`http://${network.ip}:15021/healthz/ready`)).ok,
    },
  );
}

/** The workload's identity as a kubelet would mount it. */
export async function istioToken(
  client: KubeClient,
  namespace: string,
  serviceAccount: string,
): Promise<string> {
  const answer = await client.request(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: ["istio-ca"], expirationSeconds: 3600 },
    },
  );
  return (answer as { status: { token: string } }).status.token;
}

function giveTo(folder: string, user: number): void {
  chownSync(folder, user, user);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chownSync(join(entry.parentPath, entry.name), user, user);
  }
}
