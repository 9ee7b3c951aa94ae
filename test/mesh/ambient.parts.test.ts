/**
 * What istiod tells ztunnel about the proxy in an ambient cluster, from the compiled objects, on a real API server. What
 * ztunnel then does with it is read from its source (`Upstream::workload_socket_addr`, `Workload.native_tunnel`) and
 * held against the proxy in `test/proxy/hbone.parts.test.ts`: ztunnel itself is not to be had here.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileAll } from "../../policy/compile/index.ts";
import { parseProxyConfig } from "../../policy/compile/proxy/config-parse.ts";
import { loadModel } from "../../policy/load/index.ts";
import { parseAuthority } from "../../proxy-image/hbone/authority.ts";
import { destinationOf } from "../../proxy-image/hbone/destination.ts";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import type { KubeObject } from "../cluster/kube-client.ts";
import { until } from "../cluster/until.ts";
import { deploy } from "./deploy.ts";

const file = join(import.meta.dirname, "../golden/external-proxy-ambient/policies.yaml");
const POD_IP = "10.10.0.7";
const HOST = "orders.db.example.com";

let plane: ControlPlane;
let config: Readonly<Record<string, unknown>>;
let known: Ambient;

/** An address as istiod writes it there: its text in base64. */
const encoded = (ip: string) => Buffer.from(ip).toString("base64");

interface WorkloadAddress {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly tunnelProtocol?: string;
  readonly nativeTunnel?: boolean;
  readonly serviceAccount?: string;
  readonly services: Readonly<Record<string, { readonly ports: readonly Ports[] }>>;
}

interface Ports {
  readonly servicePort: number;
  readonly targetPort: number;
}

interface ServiceAddress {
  readonly hostname: string;
  readonly namespace: string;
  readonly addresses: readonly { readonly address: string }[];
}

/** The parts of istiod's answer that are looked at: what it sends to ztunnel. */
interface Ambient {
  readonly workloads: readonly WorkloadAddress[];
  readonly services: readonly ServiceAddress[];
}

beforeAll(async () => {
  plane = await startControlPlane({ controllers: true, istiod: { env: { PILOT_ENABLE_AMBIENT: "true" } } });
  const model = loadModel({
    paths: [],
    texts: [{ name: "policies.yaml", text: readFileSync(file, "utf8") }],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("the policies have no cluster");
  const deployed = await deploy(plane.client, model, cluster.name, {});
  config = deployed.proxy;
  await startPod(
    compileAll({ model, cluster }).kubernetes.targets.flatMap(({ object }) =>
      object.kind === "Deployment" ? [object.spec.template] : [],
    )[0],
  );
  known = await until("istiod to know the proxy's pod", 60, ambient);
});

afterAll(() => plane?.stop());

/** The pod that the compiled Deployment would have, with what a kubelet writes. */
async function startPod(
  template: { metadata: { labels?: unknown }; spec: { serviceAccountName?: unknown } } | undefined,
) {
  if (!template) throw new Error("no Deployment of the proxy is compiled");
  const pod: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "portreeve-proxy-0",
      namespace: "portreeve",
      labels: template.metadata.labels as Record<string, string>,
    },
    spec: {
      serviceAccountName: template.spec.serviceAccountName,
      nodeName: "node",
      containers: [{ name: "main", image: "none" }],
    },
  };
  await plane.client.apply(pod);
  await plane.client.patchStatus(pod, {
    phase: "Running",
    podIP: POD_IP,
    podIPs: [{ ip: POD_IP }],
    conditions: [{ type: "Ready", status: "True" }],
  });
}

async function ambient(): Promise<Ambient | undefined> {
  const response = await fetch(`http://${plane.istiod?.debugAddress}/debug/ambientz`);
  const all = (await response.json()) as Ambient;
  return all.workloads.some(({ services }) => `portreeve/${HOST}` in services) ? all : undefined;
}

function theProxy(): WorkloadAddress {
  const [pod, ...more] = known.workloads.filter(({ addresses }) => addresses.includes(encoded(POD_IP)));
  if (!pod || more.length > 0) throw new Error("the proxy is not exactly one workload");
  return pod;
}

test("ztunnel reaches the proxy by HBONE, which the pod itself accepts, and expects its identity there", () => {
  expect(theProxy()).toMatchObject({
    tunnelProtocol: "HBONE",
    nativeTunnel: true,
    namespace: "portreeve",
    serviceAccount: "portreeve-proxy",
  });
});

test("the external host has an address of its own, and stands for the proxy's pods", () => {
  const hosts = known.services.filter(({ hostname }) => hostname.endsWith("db.example.com"));
  expect(hosts.map(({ hostname }) => hostname).sort()).toEqual(["orders-ro.db.example.com", HOST]);
  const addresses = hosts.map((service) => service.addresses.map(({ address }) => address).join());
  expect(new Set(addresses).size).toBe(2);
  expect(addresses.every((address) => address !== "")).toBe(true);
});

test("what ztunnel asks for, the pod's address and the target port, is the listener of that service", () => {
  const { ports = [] } = theProxy().services[`portreeve/${HOST}`] ?? {};
  expect(ports).toHaveLength(1);
  const authority = parseAuthority(`${POD_IP}:${ports[0]?.targetPort}`);
  if (!authority) throw new Error("istiod knows no target port");
  const parsed = parseProxyConfig(JSON.stringify(config), "proxy.json");
  expect(destinationOf(parsed, authority, POD_IP)).toEqual({
    to: "service",
    service: "orders-db",
    port: 5432,
  });
  expect(parsed.listeners).toContainEqual(expect.objectContaining({ mode: "hbone", port: 15_008 }));
});

test("the shared port of people and agents is found through HBONE too", () => {
  const { ports = [] } = theProxy().services["portreeve/portreeve-proxy.portreeve.svc.cluster.local"] ?? {};
  const authority = parseAuthority(`${POD_IP}:${ports[0]?.targetPort}`);
  if (!authority) throw new Error("istiod knows no target port");
  const parsed = parseProxyConfig(JSON.stringify(config), "proxy.json");
  expect(destinationOf(parsed, authority, POD_IP)).toMatchObject({ to: "connect" });
});
