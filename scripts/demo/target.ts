/** Where the demo deploys to: a folder of YAML, or a real API server and an AWS emulator. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type ControlPlane, startControlPlane } from "../../test/cluster/control-plane.ts";
import { startMoto } from "../../test/cluster/servers.ts";
import type { Workspace } from "./workspace.ts";

export interface DemoTarget {
  /** Stack configuration for it. */
  readonly config: Readonly<Record<string, string>>;
  /** What is there now, in a few lines. */
  readonly describe: () => Promise<string>;
  /** The proxy's configuration as it was deployed. */
  readonly proxyConfig: () => Promise<string>;
  /** What is still there and should not be. */
  readonly leftovers: () => Promise<string[]>;
  /** Leaves it running and waits until the user ends it. */
  readonly keep?: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Rendered YAML; needs nothing. */
export function openFolder(workspace: Workspace): DemoTarget {
  const files = () =>
    existsSync(workspace.rendered)
      ? readdirSync(workspace.rendered, { recursive: true, encoding: "utf8" })
          .filter((file) => file.endsWith(".yaml"))
          .sort()
      : [];
  return {
    config: {
      "portreeve-orders:target": "render",
      "portreeve-orders:renderDir": workspace.rendered,
      "portreeve-orders:aws": "off",
    },
    describe: async () => `${files().length} files of Kubernetes YAML in ${workspace.rendered}`,
    proxyConfig: async () => {
      const file = files().find((name) => /configmap.*portreeve-proxy/i.test(name));
      if (file === undefined) throw new Error("no ConfigMap of the proxy was rendered");
      return configIn(parse(readFileSync(join(workspace.rendered, file), "utf8")));
    },
    leftovers: async () => files(),
    close: async () => {},
  };
}

/** Kinds whose objects the stack makes. */
const KINDS = [
  ["networking.istio.io/v1", "ServiceEntry"],
  ["networking.istio.io/v1", "DestinationRule"],
  ["networking.istio.io/v1", "VirtualService"],
  ["networking.istio.io/v1", "Gateway"],
  ["networking.istio.io/v1", "Sidecar"],
  ["security.istio.io/v1", "AuthorizationPolicy"],
  ["security.istio.io/v1", "PeerAuthentication"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
  ["apps/v1", "Deployment"],
] as const;

/** A real API server with istiod's webhook, and the AWS emulator. */
export async function openCluster(say: (text: string) => void): Promise<DemoTarget> {
  say("Starting etcd, the API server, istiod with its webhook, and the AWS emulator");
  const plane = await startControlPlane({ controllers: true, istiod: true });
  const moto = await startMoto();
  return {
    config: {
      "portreeve-orders:target": "cluster",
      "portreeve-orders:kubeconfig": plane.kubeconfig,
      "portreeve-orders:aws": "emulated",
      "portreeve-orders:awsEndpoint": moto.endpoint,
    },
    describe: async () =>
      `In the cluster: ${(await inventory(plane)).map(([kind, names]) => `${names.length} ${kind}`).join(", ")}`,
    proxyConfig: async () => {
      const metadata = { name: "portreeve-proxy", namespace: "portreeve" };
      return configIn(await plane.client.get({ apiVersion: "v1", kind: "ConfigMap", metadata }));
    },
    leftovers: async () =>
      (await inventory(plane)).flatMap(([kind, names]) => names.map((name) => `${kind} ${name}`)),
    keep: async () => {
      console.log(
        `\nRunning until Ctrl-C. Look around with:\n  kubectl --kubeconfig ${plane.kubeconfig} get serviceentries,authorizationpolicies -A`,
      );
      await new Promise<void>((resolve) => process.once("SIGINT", () => resolve()));
    },
    close: async () => {
      await moto.stop();
      await plane.stop();
    },
  };
}

async function inventory(plane: ControlPlane): Promise<[string, string[]][]> {
  const found: [string, string[]][] = [];
  for (const [apiVersion, kind] of KINDS) {
    const items = await plane.client.list(apiVersion, kind);
    const names = items
      .filter((item) => isOurs(item.metadata))
      .map((item) => `${item.metadata.namespace}/${item.metadata.name}`);
    if (names.length > 0) found.push([kind, names]);
  }
  return found;
}

function isOurs(metadata: Readonly<Record<string, unknown>>): boolean {
  return JSON.stringify(metadata["labels"] ?? {}).includes(`"app.kubernetes.io/managed-by":"portreeve"`);
}

function configIn(configMap: unknown): string {
  const { data } = configMap as { readonly data?: Readonly<Record<string, string>> };
  const text = data?.["proxy.json"];
  if (text === undefined) throw new Error("the proxy's ConfigMap holds no proxy.json");
  return text;
}
