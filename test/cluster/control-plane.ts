/**
 * A real Kubernetes API server on loopback, with what a test asks for beside it: controllers, Istio's custom resources,
 * istiod and its validating webhook. There is no node and no kubelet: pods never run, and a test writes their status.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { part, parts } from "../toolchain/parts.ts";
import { type IstiodOptions, type RunningIstiod, startIstiod } from "./istiod.ts";
import { KubeClient, type KubeObject } from "./kube-client.ts";
import { freePorts } from "./ports.ts";
import { openScope, type Scope } from "./scope.ts";
import { until } from "./until.ts";

export interface ControlPlaneOptions {
  /** kube-controller-manager: deletes namespaces, collects garbage, makes default service accounts. @default false */
  readonly controllers?: boolean;
  /** Istio's custom resources, with their CEL rules. @default false */
  readonly crds?: boolean;
  /** istiod with its validating webhook (brings the custom resources too). @default false */
  readonly istiod?: boolean | IstiodOptions;
}

export interface ControlPlane {
  readonly scope: Scope;
  /** Path of a kubeconfig with all rights. */
  readonly kubeconfig: string;
  readonly server: string;
  /** All rights. */
  readonly client: KubeClient;
  readonly istiod: RunningIstiod | undefined;
  readonly installIstioCrds: () => Promise<void>;
  readonly startControllers: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const scope = await openScope("cluster");
  try {
    const plane = await startApiServer(scope);
    if (options.controllers) await plane.startControllers();
    if (options.crds || options.istiod) await plane.installIstioCrds();
    if (!options.istiod) return plane;
    const istiod = await startIstiod(scope, plane, options.istiod === true ? {} : options.istiod);
    return { ...plane, istiod };
  } catch (error) {
    await scope.stop();
    throw error;
  }
}

async function startApiServer(scope: Scope): Promise<ControlPlane> {
  const programs = await parts("etcd", "kube-apiserver");
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const env = { PATH: process.env.PATH ?? "", HOME: scope.dir };
  const http = (p: number) => `http://127.0.0.1:${p}`;
  await scope.start(
    "etcd",
    programs.etcd.path,
    [
      `--data-dir=${join(scope.dir, "etcd")}`,
      `--listen-client-urls=${http(etcdPort)}`,
      `--advertise-client-urls=${http(etcdPort)}`,
      `--listen-peer-urls=${http(peerPort)}`,
      `--initial-advertise-peer-urls=${http(peerPort)}`,
      `--initial-cluster=default=${http(peerPort)}`,
      // The data is thrown away: no need to wait for the disk.
      "--unsafe-no-fsync",
    ],
    { env, ready: async () => (await fetch(`${http(etcdPort)}/health`)).ok },
  );

  const pki = join(scope.dir, "pki");
  mkdirSync(pki);
  const serviceAccountKey = join(pki, "service-account.key");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(serviceAccountKey, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const token = randomBytes(16).toString("hex");
  writeFileSync(join(pki, "tokens.csv"), `${token},admin,1,"system:masters"\n`, { mode: 0o600 });
  const server = `https://127.0.0.1:${port}`;
  const kubeconfig = join(scope.dir, "kubeconfig");
  // The API server makes a certificate of its own, in this file, before it listens.
  const certificate = join(pki, "apiserver.crt");
  const connect = () => {
    writeFileSync(kubeconfig, kubeconfigText(server, readFileSync(certificate), token), { mode: 0o600 });
    return KubeClient.fromKubeconfig(kubeconfig);
  };
  let client: KubeClient | undefined;
  await scope.start(
    "kube-apiserver",
    programs["kube-apiserver"].path,
    [
      `--etcd-servers=${http(etcdPort)}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${pki}`,
      `--token-auth-file=${join(pki, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      `--service-account-key-file=${serviceAccountKey}`,
      `--service-account-signing-key-file=${serviceAccountKey}`,
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      // istiod takes workloads' tokens for its own audience only.
      "--api-audiences=https://kubernetes.default.svc.cluster.local,istio-ca",
      "--service-cluster-ip-range=10.96.0.0/16",
      // Without controllers nobody makes the service accounts that this plugin asks for.
      "--disable-admission-plugins=ServiceAccount",
      "--allow-privileged=true",
      "--endpoint-reconciler-type=none",
      "--profiling=false",
    ],
    {
      env,
      ready: async () => {
        client ??= connect();
        await client.request("GET", "/readyz");
      },
    },
  );
  const ready = client ?? connect();
  scope.onStop(() => ready.close());
  await until("namespace default", 30, () =>
    ready.get({ apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } }),
  );
  return {
    scope,
    kubeconfig,
    server,
    client: ready,
    istiod: undefined,
    installIstioCrds: () => installIstioCrds(ready),
    startControllers: () => startControllers(scope, kubeconfig, serviceAccountKey, certificate, ready),
    stop: scope.stop,
  };
}

function kubeconfigText(server: string, ca: Buffer, token: string): string {
  // JSON is YAML, and needs no quoting rules.
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": ca.toString("base64") } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

async function installIstioCrds(client: KubeClient): Promise<void> {
  const { path } = await part("istio-crds");
  const documents = parseAllDocuments(readFileSync(path, "utf8"));
  const crds = documents
    .map((document) => document.toJS() as KubeObject | null)
    .filter((crd) => crd !== null);
  for (const crd of crds) await client.apply(crd);
  await until("Istio's custom resources established", 60, async () => {
    const there = await client.list("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    return crds.every((crd) => established(there.find((t) => t.metadata.name === crd.metadata.name)));
  });
}

function established(crd: KubeObject | undefined): boolean {
  const { conditions = [] } = (crd?.status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === "Established" && status === "True");
}

const CONTROLLERS = [
  "namespace-controller",
  "serviceaccount-controller",
  "garbage-collector-controller",
  "endpointslice-controller",
  "endpoints-controller",
  "root-ca-certificate-publisher-controller",
  "deployment-controller",
  "replicaset-controller",
];

async function startControllers(
  scope: Scope,
  kubeconfig: string,
  serviceAccountKey: string,
  certificate: string,
  client: KubeClient,
): Promise<void> {
  const [port = 0] = await freePorts(1);
  const account = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default", namespace: "default" },
  };
  await scope.start(
    "kube-controller-manager",
    (await part("kube-controller-manager")).path,
    [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      "--leader-elect=false",
      "--use-service-account-credentials=false",
      `--service-account-private-key-file=${serviceAccountKey}`,
      `--root-ca-file=${certificate}`,
      `--controllers=${CONTROLLERS.join(",")}`,
    ],
    {
      env: { PATH: process.env.PATH ?? "", HOME: scope.dir },
      // What the controllers have done tells that they run.
      ready: async () => (await client.get(account)) !== undefined,
    },
  );
}
