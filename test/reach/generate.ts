import fc from "fast-check";
import type { RawPeer, RawPod, RawPolicy, RawRule, RawSelector, World } from "./reference.ts";

/** A random cluster as the objects that the evaluator reads, and as the reference sees it. */
export interface Sample {
  readonly objects: readonly object[];
  readonly world: World;
  /** The pods of each workload, by `namespace/name`. */
  readonly workloads: ReadonlyMap<string, readonly RawPod[]>;
}

// Few names and values, so that selectors hit, miss and overlap often.
const namespace = fc.constantFrom("default", "shop", "bank");
const value = fc.constantFrom("a", "b", "c");
const labels = fc.dictionary(fc.constantFrom("app", "tier"), value, { maxKeys: 2, noNullPrototype: true });
const protocol = fc.constantFrom("TCP", "UDP", "SCTP");
const portName = fc.constantFrom("http", "dns", "metrics");
const portNumber = fc.constantFrom(1, 53, 80, 81, 443, 8080, 65535);

const expression = fc.oneof(
  fc.record({
    key: fc.constantFrom("app", "tier"),
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.uniqueArray(value, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ key: fc.constantFrom("app", "tier"), operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
const selector: fc.Arbitrary<RawSelector> = fc.oneof(
  fc.constant({}),
  labels.map((matchLabels) => ({ matchLabels })),
  fc.record({ matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) }),
);
const namespaceSelector: fc.Arbitrary<RawSelector> = fc.oneof(
  selector,
  namespace.map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })),
);
const cidr = fc.constantFrom(
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.0.0/9",
  "10.128.0.0/9",
  "10.1.0.0/16",
  "192.168.7.9/32",
);
const peer: fc.Arbitrary<RawPeer> = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  namespaceSelector.map((selected) => ({ namespaceSelector: selected })),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc
    .record(
      {
        cidr,
        except: fc.array(fc.constantFrom("10.1.0.0/16", "10.1.2.0/24", "10.0.0.0/9", "255.255.255.255/32")),
      },
      { requiredKeys: ["cidr"] },
    )
    .map((ipBlock) => ({ ipBlock })),
);
const rulePort = fc.oneof(
  fc.record({ protocol }, { requiredKeys: [] }),
  fc.record({ protocol, port: fc.oneof(portNumber, portName) }, { requiredKeys: ["port"] }),
  fc
    .tuple(protocol, portNumber, portNumber)
    .map(([name, a, b]) => ({ protocol: name, port: Math.min(a, b), endPort: Math.max(a, b) })),
);
const rule = (peers: "from" | "to"): fc.Arbitrary<RawRule> =>
  fc.record(
    { [peers]: fc.array(peer, { maxLength: 2 }), ports: fc.array(rulePort, { maxLength: 3 }) },
    { requiredKeys: [] },
  );
const policy: fc.Arbitrary<Omit<RawPolicy, "metadata">> = fc.record({
  kind: fc.constant("NetworkPolicy" as const),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: fc.subarray(["Ingress", "Egress"]),
      ingress: fc.array(rule("from"), { maxLength: 2 }),
      egress: fc.array(rule("to"), { maxLength: 2 }),
    },
    { requiredKeys: ["podSelector"] },
  ),
});

const containerPorts = fc.uniqueArray(
  fc.record({ name: portName, protocol, containerPort: portNumber }, { requiredKeys: ["containerPort"] }),
  { maxLength: 3, selector: (port) => `${port.name} ${port.protocol ?? "TCP"}` },
);
const pod = fc.record({ labels, ports: containerPorts });
const shape = fc.constantFrom(
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
  "ReplicaSet",
  "ReplicationController",
  "Pod",
  "Pods of a ReplicaSet",
  "Pods of a Deployment",
);
const workload = fc.record({ namespace, shape, pods: fc.array(pod, { minLength: 1, maxLength: 3 }) });

export const sample: fc.Arbitrary<Sample> = fc
  .record({
    namespaces: fc.dictionary(namespace, labels, { noNullPrototype: true }),
    workloads: fc.array(workload, { minLength: 1, maxLength: 5 }),
    policies: fc.array(fc.tuple(fc.option(namespace, { nil: undefined }), policy), { maxLength: 6 }),
  })
  .map(({ namespaces, workloads, policies }) => {
    const rawPolicies = policies.map(([where, rest], i) => ({
      apiVersion: "networking.k8s.io/v1",
      ...rest,
      metadata: { name: `p${i}`, ...(where === undefined ? {} : { namespace: where }) },
    }));
    const made = workloads.map((given, i) => makeWorkload(given.namespace, `w${i}`, given.shape, given.pods));
    return {
      objects: [
        ...rawPolicies,
        ...made.flatMap(({ objects }) => objects),
        ...Object.entries(namespaces).map(([name, given]) => ({
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name, labels: given },
        })),
      ],
      world: { namespaces, policies: rawPolicies },
      workloads: new Map(made.map(({ id, pods }) => [id, pods])),
    };
  });

/** Objects for one workload of a shape, and the pods they come down to. Only shapes of Pods can have unlike pods. */
function makeWorkload(
  where: string,
  name: string,
  kind: string,
  given: readonly Omit<RawPod, "namespace">[],
): { id: string; pods: readonly RawPod[]; objects: readonly object[] } {
  const pods = given.map((each) => ({ ...each, namespace: where }));
  const [first = { namespace: where, labels: {}, ports: [] }] = pods;
  const metadata = { name, ...(where === "default" ? {} : { namespace: where }) };
  const spec = (each: RawPod) => ({ containers: [{ name: "main", ports: each.ports }] });
  const template = { metadata: { labels: first.labels }, spec: spec(first) };
  const controlled = (owner: string, ownerName: string) =>
    pods.map((each, i) => ({
      kind: "Pod",
      metadata: {
        name: `${name}-${i}`,
        namespace: where,
        labels: each.labels,
        ownerReferences: [
          { kind: "ConfigMap", name: "not-the-controller" },
          { kind: owner, name: ownerName, controller: true },
        ],
      },
      spec: spec(each),
    }));
  const id = `${where}/${name}`;
  switch (kind) {
    case "Pod":
      return {
        id,
        pods: [first],
        objects: [{ kind, metadata: { ...metadata, labels: first.labels }, spec: spec(first) }],
      };
    case "Pods of a ReplicaSet":
      return { id, pods, objects: controlled("ReplicaSet", name) };
    case "Pods of a Deployment": {
      const ownerReferences = [{ kind: "Deployment", name, controller: true }];
      const set = {
        kind: "ReplicaSet",
        metadata: { name: `${name}-5d9c`, namespace: where, ownerReferences },
        spec: { template },
      };
      return { id, pods, objects: [...controlled("ReplicaSet", `${name}-5d9c`), set] };
    }
    case "CronJob":
      return {
        id,
        pods: [first],
        objects: [{ kind, metadata, spec: { jobTemplate: { spec: { template } } } }],
      };
    default:
      return { id, pods: [first], objects: [{ kind, metadata, spec: { template } }] };
  }
}
