import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCluster } from "../../policy/kubernetes/reach/index.ts";
import { connections } from "../../policy/kubernetes/reach/reach.ts";
import { hasPort, PROTOCOLS } from "../../policy/sets/ports.ts";
import { type Sample, sample } from "./generate.ts";
import { askNca, type NcaRow } from "./nca.ts";
import type { RawPeer, RawPolicy } from "./reference.ts";

// A second judge that is not ours, and that works with sets as we do. It says nothing on IPv6, which neither is asked for.

const CLUSTERS = 40;
const ADDRESSES = [
  "0.0.0.0",
  "9.255.255.255",
  "10.0.0.0",
  "10.1.0.0",
  "10.1.2.255",
  "10.1.3.0",
  "10.128.0.0",
];
const PORTS = [1, 2, 53, 79, 80, 81, 443, 8080, 8081, 65535];

test("agrees with np-guard's analyzer on random clusters, connection by connection", async () => {
  const samples = fc.sample(sample, { numRuns: CLUSTERS, seed: 20_261_121 });
  let compared = 0;
  let allowed = 0;
  for (const each of samples) {
    const objects = plain(each);
    const ours = [...connections(readCluster(objects).cluster)];
    // One by one: in one run NCA mixes the named ports of one cluster with another's.
    const [theirs = []] = await askNca([objects]);
    const names = objects.flatMap(({ kind, metadata: { name, namespace } }) =>
      kind === "Pod" ? [`${namespace}/${name}`] : [],
    );
    const differences: string[] = [];
    for (const src of [...names, ...ADDRESSES]) {
      for (const dst of [...names, ...ADDRESSES]) {
        if (src === dst || (!src.includes("/") && !dst.includes("/"))) continue;
        const [our, their] = [ours.filter(between(src, dst)), theirs.filter(between(src, dst))];
        for (const protocol of PROTOCOLS) {
          for (const port of PORTS) {
            const we = our.some(({ ports }) => hasPort(ports, protocol, port));
            const they = their.some(({ ports }) => inside(ports, protocol, port));
            compared += 1;
            if (we) allowed += 1;
            if (we !== they) differences.push(`${src} ${dst} ${protocol} ${port}: we ${we}, NCA ${they}`);
          }
        }
      }
    }
    expect(differences, JSON.stringify(objects)).toEqual([]);
  }
  // Both answers have to occur often, or the samples say little.
  expect(compared).toBeGreaterThan(60_000);
  expect(allowed / compared).toBeGreaterThan(0.1);
  expect(allowed / compared).toBeLessThan(0.9);
});

// Each is decided by the documentation of Kubernetes; cyclonus (network-policy-judge.parts.test.ts) says what we say.
describe("where NCA answers otherwise, and why ours is the answer", () => {
  const pod = (name: string, labels: object) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", labels },
    spec: { containers: [{ name: "main", image: "x" }] },
  });
  const cluster = (spec: object) => [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    pod("client", { app: "client" }),
    pod("server", { app: "server" }),
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "p", namespace: "shop" },
      spec,
    },
  ];
  const both = async (objects: readonly object[]) => {
    const open = between("shop/client", "shop/server");
    return {
      ours: [...connections(readCluster(objects).cluster)].some(open),
      nca: (await askNca([objects])).some((rows) => rows.some(open)),
    };
  };

  test("an empty list of egress rules without policyTypes says nothing on egress", async () => {
    // NetworkPolicySpec.policyTypes: a policy that is to forbid all egress has to name Egress, as it has no egress rules and
    // would be taken for one of ingress alone.
    const objects = cluster({ podSelector: { matchLabels: { app: "client" } }, egress: [] });
    expect(await both(objects)).toEqual({ ours: true, nca: false });
  });
});

interface Plain {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
}

/**
 * The same cluster of Pods alone: what workloads are called is another matter, and not this test's. Left out is what NCA
 * refuses: rules of a direction that `policyTypes` leaves out, which Kubernetes takes and ignores; an `except` outside of its
 * block and a port name used twice in a pod, which the API server refuses too.
 */
function plain({ world, workloads }: Sample): Plain[] {
  const pods = [...workloads].flatMap(([id, each]) =>
    each.map(({ namespace, labels, ports: given }, i) => {
      const ports = given.filter(
        ({ name }, at) => name === undefined || given.findIndex((port) => port.name === name) === at,
      );
      return {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `${id.split("/")[1]}-${i}`, namespace, labels },
        spec: { containers: [{ name: "main", image: "x", ports }] },
      };
    }),
  );
  const names = new Set([
    ...pods.map(({ metadata }) => metadata.namespace),
    ...Object.keys(world.namespaces),
  ]);
  const namespaces = [...names].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    // An API server sets the first label; NCA reads only what is written.
    metadata: {
      name,
      labels: { "kubernetes.io/metadata.name": name, ...world.namespaces[name] },
    },
  }));
  const policies = world.policies.map((policy) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "default", ...policy.metadata },
    spec: accepted(policy),
  }));
  return [...namespaces, ...pods, ...policies];
}

function accepted({ spec }: RawPolicy): object {
  const { policyTypes: written = [], ingress, egress, ...rest } = spec;
  // As an API server stores it: see the difference about an empty list of egress rules below.
  const defaulted = egress && egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
  const policyTypes = written.length > 0 ? written : defaulted;
  const has = (type: string) => policyTypes.includes(type);
  const peers = (all: readonly RawPeer[]) => all.map((peer) => (peer.ipBlock ? block(peer.ipBlock) : peer));
  return {
    ...rest,
    policyTypes,
    ...(has("Ingress") && ingress
      ? { ingress: ingress.map((rule) => (rule.from ? { ...rule, from: peers(rule.from) } : rule)) }
      : {}),
    ...(has("Egress") && egress
      ? { egress: egress.map((rule) => (rule.to ? { ...rule, to: peers(rule.to) } : rule)) }
      : {}),
  };
}

function block({ cidr, except = [] }: NonNullable<RawPeer["ipBlock"]>): RawPeer {
  const [base = "", bits = "0"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  const within = except.filter((each) => {
    const [low = "", length = "0"] = each.split("/");
    return Number(length) > Number(bits) && order(low) >= order(base) && order(low) < order(base) + size;
  });
  return { ipBlock: { cidr, except: within } };
}

function between(src: string, dst: string): (row: { src: string; dst: string }) => boolean {
  return (row) => isSide(row.src, src) && isSide(row.dst, dst);
}

/** Whether a name of either report is this pod, or holds this address. */
function isSide(name: string, side: string): boolean {
  if (side.includes("/")) return name.replace(/\[\w+\]$/, "") === side;
  return name
    .replace(/^external:/, "")
    .split(",")
    .some((range) => {
      const [low = "", high = low] = range.trim().split("-");
      return /^[\d.]+$/.test(low) && order(low) <= order(side) && order(side) <= order(high);
    });
}

function order(address: string): number {
  return address.split(".").reduce((sum, piece) => sum * 256 + Number(piece), 0);
}

function inside(ports: NcaRow["ports"], protocol: string, port: number): boolean {
  return (ports.get(protocol) ?? []).some(([low, high]) => low <= port && port <= high);
}
