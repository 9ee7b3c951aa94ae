/** istiod outside of the cluster: certificate authority, configuration server, and the webhook that validates Istio's objects. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { part } from "../toolchain/parts.ts";
import { type KubeClient, KubeError, type KubeObject } from "./kube-client.ts";
import { freePorts } from "./ports.ts";
import type { Scope } from "./scope.ts";
import { until } from "./until.ts";

export interface IstiodOptions {
  /** Merged into the mesh configuration. */
  readonly meshConfig?: Readonly<Record<string, unknown>>;
  /** Address the sidecars reach it at. @default "127.0.0.1" */
  readonly address?: string;
  /** Its own features, by their variables. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningIstiod {
  /** Where sidecars get their configuration and certificates, as `host:port`. */
  readonly discoveryAddress: string;
  /** The mesh's root certificate, PEM. */
  readonly rootCertificate: string;
  /** Where it tells what it knows, as `host:port`: `/debug/…`. */
  readonly debugAddress: string;
}

const NAMESPACE = "istio-system";

export async function startIstiod(
  scope: Scope,
  plane: { readonly kubeconfig: string; readonly client: KubeClient },
  options: IstiodOptions,
): Promise<RunningIstiod> {
  const { client, kubeconfig } = plane;
  const address = options.address ?? "127.0.0.1";
  const [http = 0, grpc = 0, secure = 0, https = 0, monitoring = 0] = await freePorts(5);
  const discoveryAddress = `${address}:${secure}`;
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  const mesh = join(scope.dir, "mesh.yaml");
  writeFileSync(
    mesh,
    stringify({
      trustDomain: "cluster.local",
      rootNamespace: NAMESPACE,
      accessLogFile: "/dev/stdout",
      defaultConfig: { discoveryAddress, concurrency: 1 },
      // Stock Envoy has no Istio statistics extension.
      defaultProviders: { metrics: [] },
      ...options.meshConfig,
    }),
  );
  await scope.start(
    "istiod",
    (await part("istiod")).path,
    [
      "discovery",
      `--kubeconfig=${kubeconfig}`,
      `--meshConfig=${mesh}`,
      `--httpAddr=127.0.0.1:${http}`,
      `--grpcAddr=127.0.0.1:${grpc}`,
      `--secureGRPCAddr=:${secure}`,
      `--httpsAddr=127.0.0.1:${https}`,
      `--monitoringAddr=127.0.0.1:${monitoring}`,
      "--ctrlz_port=0",
      "--shutdownDuration=1s",
    ],
    {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: scope.dir,
        POD_NAMESPACE: NAMESPACE,
        POD_NAME: "istiod-0",
        REVISION: "default",
        CLUSTER_ID: "Kubernetes",
        SHARED_MESH_CONFIG: "",
        PILOT_ENABLE_METADATA_EXCHANGE: "false",
        // Both configurations are written by the harness, or not wanted.
        INJECTION_WEBHOOK_CONFIG_NAME: "",
        VALIDATION_WEBHOOK_CONFIG_NAME: "",
        PILOT_CERT_PROVIDER: "istiod",
        // The names in istiod's certificate: the API server calls the webhook by address.
        ISTIOD_CUSTOM_HOST: [...new Set(["istiod.istio-system.svc", "127.0.0.1", address])].join(","),
        ...options.env,
      },
      ready: async () => (await fetch(`http://127.0.0.1:${http}/ready`)).ok,
    },
  );
  const rootCertificate = await until("istiod's root certificate", 30, () => readRoot(client));
  await client.apply(webhook(`https://127.0.0.1:${https}/validate`, rootCertificate));
  await until("istiod's webhook in force", 30, () => inForce(client));
  return { discoveryAddress, rootCertificate, debugAddress: `127.0.0.1:${http}` };
}

async function readRoot(client: KubeClient): Promise<string | undefined> {
  const map = await client.get({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "istio-ca-root-cert", namespace: NAMESPACE },
  });
  return (map?.data as Record<string, string> | undefined)?.["root-cert.pem"];
}

function webhook(url: string, ca: string): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "istio-validator" },
    webhooks: [
      {
        name: "rev.validation.istio.io",
        clientConfig: { url, caBundle: Buffer.from(ca).toString("base64") },
        rules: [
          {
            operations: ["CREATE", "UPDATE"],
            apiGroups: [
              "networking.istio.io",
              "security.istio.io",
              "telemetry.istio.io",
              "extensions.istio.io",
            ],
            apiVersions: ["*"],
            resources: ["*"],
          },
        ],
        failurePolicy: "Fail",
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  };
}

/** An object that only the webhook refuses: as long as it is taken, the API server has not picked the webhook up. */
async function inForce(client: KubeClient): Promise<boolean> {
  try {
    await client.dryRun({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "probe", namespace: NAMESPACE },
      spec: { rules: [{ to: [{ operation: { ports: ["99999"] } }] }] },
    });
    return false;
  } catch (error) {
    return error instanceof KubeError && error.message.includes("denied the request");
  }
}
