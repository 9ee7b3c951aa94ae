import { describe, expect, test } from "vitest";
import { readCluster } from "./read.ts";

const controlledBy = (kind: string, name: string) => [{ kind, name, controller: true }];
const pod = (name: string, ownerReferences: object[] = []) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", ownerReferences },
  spec: { containers: [] },
});
const made = (kind: string, name: string, spec: object = {}, ownerReferences: object[] = []) => ({
  kind,
  metadata: { name, namespace: "shop", ownerReferences },
  spec: { template: { metadata: {} }, ...spec },
});
const workloads = (...objects: object[]) => {
  const { cluster, problems } = readCluster(objects);
  expect(problems).toEqual([]);
  return [...new Set(cluster.pods.map(({ workload }) => workload))];
};
const problems = (...objects: unknown[]) =>
  readCluster(objects).problems.map(({ rule, severity, message }) => `${severity} ${rule} ${message}`);

describe("the topmost known owner", () => {
  test("of a pod without a controller is the pod", () => {
    expect(workloads(pod("a"), pod("b", [{ kind: "Deployment", name: "web" }]))).toEqual([
      "shop/a",
      "shop/b",
    ]);
  });

  test("is found through a ReplicaSet that was given, and is the ReplicaSet where it was not", () => {
    const lone = pod("web-7c-x", controlledBy("ReplicaSet", "web-7c"));
    expect(workloads(lone)).toEqual(["shop/web-7c"]);
    expect(workloads(lone, made("ReplicaSet", "web-7c", {}, controlledBy("Deployment", "web")))).toEqual([
      "shop/web",
    ]);
  });

  test("of a Job is its CronJob, and of a mirror pod the pod", () => {
    const job = made("Job", "report-1", {}, controlledBy("CronJob", "report"));
    expect(workloads(job, pod("kube-proxy-n1", controlledBy("Node", "n1")))).toEqual([
      "shop/report",
      "shop/kube-proxy-n1",
    ]);
  });

  test("is not an operator's own kind above a workload", () => {
    expect(workloads(made("StatefulSet", "prometheus-k8s", {}, controlledBy("Prometheus", "k8s")))).toEqual([
      "shop/prometheus-k8s",
    ]);
  });

  test("does not loop when owners own each other", () => {
    const a = made("ReplicaSet", "a", {}, controlledBy("ReplicaSet", "b"));
    const b = made("ReplicaSet", "b", {}, controlledBy("ReplicaSet", "a"));
    expect(workloads(a, b)).toHaveLength(2);
  });
});

test("an old ReplicaSet that its Deployment keeps at zero has no pods; a Deployment at zero is still a workload", () => {
  const old = made("ReplicaSet", "web-1", { replicas: 0 }, controlledBy("Deployment", "web"));
  expect(readCluster([old]).cluster.pods).toEqual([]);
  expect(workloads(made("Deployment", "web", { replicas: 0 }))).toEqual(["shop/web"]);
});

test("lists are opened, and the items of a typed list need no kind", () => {
  const { kind: _, apiVersion: __, ...item } = pod("b");
  const list = { kind: "List", items: [pod("a"), { kind: "PodList", apiVersion: "v1", items: [item] }] };
  expect(workloads(list)).toEqual(["shop/a", "shop/b"]);
});

test("kinds of other API groups are not mistaken for Kubernetes' own", () => {
  const service = { apiVersion: "serving.knative.dev/v1", kind: "Deployment", metadata: { name: "x" } };
  expect(readCluster([service, { kind: "Service", metadata: {} }]).problems).toEqual([]);
  const calico = {
    apiVersion: "projectcalico.org/v3",
    kind: "NetworkPolicy",
    metadata: { name: "x", namespace: "shop" },
  };
  expect(problems(calico)).toEqual([
    "warning PR192 NetworkPolicy/shop/x is not evaluated: the answer is that of Kubernetes NetworkPolicy alone",
  ]);
});

const policy = (spec: unknown) => ({
  kind: "NetworkPolicy",
  metadata: { name: "p", namespace: "shop" },
  spec,
});

test.each([
  ["a text as object", "Pod", "not a Kubernetes object"],
  ["no name", { kind: "Pod", metadata: {} }, "Pod: metadata.name: "],
  [
    "a label that is a number",
    { kind: "Pod", metadata: { name: "x", labels: { v: 1 } } },
    "Pod: metadata.labels.v: write a text",
  ],
  [
    "a workload without a template",
    { kind: "Job", metadata: { name: "x" }, spec: {} },
    "Job/default/x: spec.template: a workload needs",
  ],
  [
    "a misspelt field",
    policy({ podselector: {} }),
    'NetworkPolicy/shop/p: spec: Unrecognized key: "podselector"',
  ],
  [
    "an empty peer",
    policy({ ingress: [{ from: [{}] }] }),
    "spec.ingress[0].from[0]: a peer needs a podSelector",
  ],
  [
    "a peer of both sorts",
    policy({ egress: [{ to: [{ podSelector: {}, ipBlock: { cidr: "::/0" } }] }] }),
    "spec.egress[0].to[0]: a peer is an ipBlock or selectors",
  ],
  [
    "a bad block",
    policy({ egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0" } }] }] }),
    "spec.egress[0].to[0].ipBlock.cidr: write a CIDR",
  ],
  ["port 0", policy({ ingress: [{ ports: [{ port: 0 }] }] }), "spec.ingress[0].ports[0].port: "],
  ["a number as text", policy({ ingress: [{ ports: [{ port: "80" }] }] }), "spec.ingress[0].ports[0].port: "],
  [
    "endPort below port",
    policy({ ingress: [{ ports: [{ port: 90, endPort: 80 }] }] }),
    "endPort: endPort 80 is below port 90",
  ],
  [
    "endPort after a name",
    policy({ ingress: [{ ports: [{ port: "http", endPort: 80 }] }] }),
    "endPort needs a numeric port",
  ],
  [
    "a protocol in small letters",
    policy({ ingress: [{ ports: [{ protocol: "tcp" }] }] }),
    "the protocol is TCP, UDP or SCTP",
  ],
  [
    "In without values",
    policy({ podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }),
    "In needs at least one value",
  ],
  [
    "Exists with values",
    policy({ podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } }),
    "Exists takes no values",
  ],
  ["an unknown policy type", policy({ policyTypes: ["ingress"] }), "a policy type is Ingress or Egress"],
])("%s is refused, as by the API server", (_, object, message) => {
  expect(problems(object)).toEqual([expect.stringContaining("error PR190")]);
  expect(problems(object)).toEqual([expect.stringContaining(message)]);
});

test("null is as good as absent", () => {
  const { cluster, problems } = readCluster([
    policy({ podSelector: null, ingress: [null, { from: null, ports: [null] }] }),
  ]);
  expect(problems).toEqual([]);
  expect(cluster.policies[0]?.ingress).toEqual([
    {},
    { ports: [{ type: "range", protocol: "TCP", low: 1, high: 65535 }] },
  ]);
});

test("blocks that newer API servers refuse are told, and read as older ones read them", () => {
  const blocks = (cidr: string, ...except: string[]) =>
    policy({ ingress: [{ from: [{ ipBlock: { cidr, except } }] }] });
  const told = (object: object) =>
    problems(object).map((line) => line.replace("warning PR190 NetworkPolicy/shop/p: ", ""));
  const refuses = "the API server refuses that";
  expect(told(blocks("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8"))).toEqual([
    `except 11.0.0.0/8 is not a part of 10.0.0.0/8; ${refuses}`,
  ]);
  expect(told(blocks("10.0.0.0/8", "10.0.0.0/8"))).toEqual([
    `except 10.0.0.0/8 is not a part of 10.0.0.0/8; ${refuses}`,
  ]);
  expect(told(blocks("10.1.2.3/8"))).toEqual([
    "10.1.2.3/8 is read as 10.0.0.0/8; newer API servers refuse it so",
  ]);
  expect(told(blocks("2001:DB8::/32", "2001:db8:1::/48"))).toEqual([]);
});

test("one object twice is fine, two of one name are not", () => {
  expect(problems(policy({}), policy({}))).toEqual([]);
  expect(problems(policy({}), policy({ ingress: [{}] }))).toEqual([
    "error PR191 NetworkPolicy/shop/p is defined twice, and differently",
  ]);
});

test("pods on the host network are told", () => {
  const agent = { kind: "Pod", metadata: { name: "agent" }, spec: { hostNetwork: true } };
  expect(problems(agent)).toEqual([
    expect.stringMatching(/^warning PR193 Pod\/default\/agent is on the host network/),
  ]);
});
