import { compileIstio } from "../../policy/compile/istio/index.ts";
import { compileKubernetes } from "../../policy/compile/kubernetes/compile.ts";
import { compileProxy } from "../../policy/compile/proxy/compile.ts";
import type { KubeObject } from "../../policy/compile/target.ts";
import { loadModel } from "../../policy/load/index.ts";
import { proxyPodLabels } from "../../policy/plan/proxy-shard.ts";

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
}

/** What is compiled from a policy set, for its first cluster: the Istio objects, and the Services of proxy and gateway. */
export function compiled(policies: string): {
  objects: KubeObject[];
  proxyLabels: (service: string) => Record<string, string>;
} {
  const model = loadModel({ texts: [{ name: "policies.yaml", text: policies }] });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const input = { model, cluster };
  const istio = compileIstio(input);
  const errors = istio.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  const configs = new Map(compileProxy(input).targets.map(({ object }) => [object.shard, "{}"]));
  const services = compileKubernetes(input, configs).targets.flatMap(({ object }) =>
    object.kind === "Service" ? [object] : [],
  );
  return {
    objects: [...istio.targets.map(({ object }): KubeObject => object), ...services],
    proxyLabels: (service) => proxyPodLabels(model, service),
  };
}

/** Namespaces, running pods, and what Kubernetes itself would add: cluster addresses and endpoints of the Services. */
export function surroundings(objects: readonly KubeObject[], pods: readonly Pod[]): unknown[] {
  const namespaces = new Set([
    ...pods.map(({ namespace }) => namespace),
    ...objects.flatMap(({ metadata: { namespace } }) => namespace ?? []),
  ]);
  return [
    ...[...namespaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...pods.map(podObject),
    ...objects.filter(({ kind }) => kind !== "Service"),
    ...objects
      .filter(isService)
      .flatMap((service, index) => [
        { ...service, spec: { ...service.spec, clusterIP: `10.96.0.${index + 10}` } },
        ...endpoints(service, pods),
      ]),
  ];
}

interface ServiceObject extends KubeObject {
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[];
  };
}

function isService(object: KubeObject): object is ServiceObject {
  return object.kind === "Service" && "spec" in object;
}

function podObject({ name, namespace, ip, labels, serviceAccount }: Pod): unknown {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: { serviceAccountName: serviceAccount, nodeName: "node", containers: [{ name: "c", image: "x" }] },
    status: {
      phase: "Running",
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}

function endpoints({ metadata, spec }: ServiceObject, pods: readonly Pod[]): unknown[] {
  const serving = pods.filter(
    (pod) =>
      pod.namespace === metadata.namespace &&
      Object.entries(spec.selector).every(([key, value]) => pod.labels[key] === value),
  );
  if (serving.length === 0) return [];
  return [
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${metadata.name}-1`,
        namespace: metadata.namespace,
        labels: { "kubernetes.io/service-name": metadata.name },
      },
      addressType: "IPv4",
      endpoints: serving.map(({ ip, name, namespace }) => ({
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: "Pod", name, namespace },
      })),
      ports: spec.ports.map(({ name, targetPort }) => ({ name, port: targetPort, protocol: "TCP" })),
    },
  ];
}
