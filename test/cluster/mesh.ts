/**
 * A small real mesh: control plane, istiod, and workloads in network namespaces with Istio's agent and Envoy beside
 * them. For tests that send packets. It needs Linux and root; there is no kube-proxy and no DNS: address a service by
 * its cluster IP or a pod by its own.
 */
import { join } from "node:path";
import { run } from "../toolchain/run.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { startIstiod } from "./istiod.ts";
import type { KubeObject } from "./kube-client.ts";
import { type Namespace, openNetwork } from "./network.ts";
import { openScope, type Running, type StartOptions } from "./scope.ts";
import { stageSidecarPrograms, startSidecar } from "./sidecar.ts";
import { until } from "./until.ts";

export interface WorkloadSpec {
  readonly name: string;
  readonly namespace: string;
  /** @default the name */
  readonly serviceAccount?: string;
  /** @default `{ app: name }` */
  readonly labels?: Readonly<Record<string, string>>;
  /** @default true */
  readonly sidecar?: boolean;
}

/** What a client got from a TCP connection. */
export type TcpAnswer =
  | { readonly outcome: "reply"; readonly text: string }
  /** Closed, reset or silent: what a refusal looks like at L4. */
  | { readonly outcome: "no reply"; readonly how: string };

export interface Pod {
  readonly ip: string;
  /** Runs a command in the pod's network, to its end. */
  readonly exec: (command: string, ...args: string[]) => Promise<string>;
  /** Starts a process in the pod's network. */
  readonly start: (
    name: string,
    command: string,
    args: readonly string[],
    options: StartOptions,
  ) => Promise<Running>;
  /** A server that answers `pong` and what it got. */
  readonly serveTcp: (port: number) => Promise<Running>;
  /** Connects, sends a line, waits for an answer. */
  readonly callTcp: (host: string, port: number) => Promise<TcpAnswer>;
  /** What the sidecar printed, access log included; empty without one. */
  readonly sidecarLog: () => string;
}

export interface Mesh {
  readonly plane: ControlPlane;
  readonly add: (workload: WorkloadSpec) => Promise<Pod>;
  readonly stop: () => Promise<void>;
}

const NODE = "node";

const probe = join(import.meta.dirname, "tcp-probe.ts");

export async function startMesh(meshConfig: Readonly<Record<string, unknown>> = {}): Promise<Mesh> {
  const scope = await openScope("mesh");
  try {
    const network = await openNetwork(scope);
    const programs = await stageSidecarPrograms(scope);
    const plane = await startControlPlane({ controllers: true, crds: true });
    scope.onStop(plane.stop);
    // The controllers list no endpoint of a pod whose node they do not know.
    await plane.client.apply({ apiVersion: "v1", kind: "Node", metadata: { name: NODE } });
    const istiod = await startIstiod(scope, plane, { address: network.address, meshConfig });
    const { client } = plane;

    const add = async (spec: WorkloadSpec): Promise<Pod> => {
      const { name, namespace, serviceAccount = name, labels = { app: name } } = spec;
      const place = await network.add();
      // What Istio's injector writes: to a pod with this label other sidecars speak mTLS.
      const injected = spec.sidecar === false ? {} : { "security.istio.io/tlsMode": "istio" };
      const described = { name, namespace, serviceAccount, labels: { ...labels, ...injected } };
      await describeWorkload(plane, described, place);
      const sidecar =
        spec.sidecar === false
          ? undefined
          : await startSidecar(
              scope,
              programs,
              client,
              istiod,
              { name, namespace, serviceAccount, labels },
              place,
            );
      const enter = ["netns", "exec", place.name];
      const start: Pod["start"] = (label, command, args, options) =>
        scope.start(`${namespace}-${name}-${label}`, "ip", [...enter, command, ...args], options);
      return {
        ip: place.ip,
        exec: (command, ...args) => run("ip", [...enter, command, ...args]),
        start,
        serveTcp: async (port) => {
          let server: Running | undefined;
          const log = () => server?.log() ?? "";
          server = await start(`tcp-${port}`, process.execPath, [probe, "serve", String(port)], {
            ready: () => true,
          });
          await until(`${name} serves ${port}`, 20, () => log().includes("listening"));
          return server;
        },
        callTcp: async (host, port) =>
          JSON.parse(
            await run("ip", [...enter, process.execPath, probe, "call", host, String(port)]),
          ) as TcpAnswer,
        sidecarLog: () => sidecar?.log() ?? "",
      };
    };
    return { plane: { ...plane, istiod }, add, stop: scope.stop };
  } catch (error) {
    await scope.stop();
    throw error;
  }
}

/** The objects that a deployment and a kubelet would have made of it. */
async function describeWorkload(
  { client }: ControlPlane,
  workload: Required<Omit<WorkloadSpec, "sidecar">>,
  place: Namespace,
): Promise<void> {
  const { name, namespace, serviceAccount, labels } = workload;
  const pod: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: {
      serviceAccountName: serviceAccount,
      nodeName: NODE,
      containers: [{ name: "main", image: "none" }],
    },
  };
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await client.apply({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: serviceAccount, namespace },
  });
  await client.apply(pod);
  await client.patchStatus(pod, {
    phase: "Running",
    podIP: place.ip,
    podIPs: [{ ip: place.ip }],
    conditions: [{ type: "Ready", status: "True" }],
  });
}
