import {
  type AddressSet,
  NO_ADDRESSES,
  parseAddress,
  parseCidr,
  subtractAddresses,
  toCidrs,
  unionAddresses,
} from "../../sets/addresses.ts";
import { isSubset } from "../../sets/ranges.ts";
import type { ContainerPort, Labels, NetworkPolicy, Peer, Pod, Rule, RulePort, Selector } from "./cluster.ts";
import type { NetworkPolicySpec, PodSpec, SelectorInput } from "./schema.ts";

type RuleInput = NonNullable<NetworkPolicySpec["ingress"] | NetworkPolicySpec["egress"]>[number];
type PeerInput = NonNullable<NonNullable<NetworkPolicySpec["ingress"]>[number]["from"]>[number];
type PortInput = NonNullable<RuleInput["ports"]>[number];

/** What `metadata` of a pod or of a pod template says. */
export interface PodMetadata {
  readonly labels?: Labels | null | undefined;
  readonly annotations?: Labels | null | undefined;
}

/** A checked pod spec as a {@link Pod}. */
export function toPod(workload: string, namespace: string, metadata: PodMetadata, spec: PodSpec): Pod {
  // An init container that restarts always is a sidecar: it listens as long as the others do.
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const ports: ContainerPort[] = [...(spec.containers ?? []), ...sidecars].flatMap((container) =>
    (container.ports ?? []).map(({ name, protocol, containerPort }) => ({
      ...(name ? { name } : {}),
      protocol: protocol ?? "TCP",
      port: containerPort,
    })),
  );
  const serviceAccount = spec.serviceAccountName || spec.serviceAccount || "default";
  return {
    workload,
    namespace,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    ports,
    hostNetwork: spec.hostNetwork === true,
    serviceAccount,
  };
}

/** A checked policy with the defaults of the API filled in, and what in it can have no effect. */
export function toNetworkPolicy(
  namespace: string,
  name: string,
  spec: NetworkPolicySpec,
): { policy: NetworkPolicy; problems: readonly { path: readonly (string | number)[]; message: string }[] } {
  const ingress = spec.ingress ?? [];
  const egress = spec.egress ?? [];
  // Without policyTypes a policy is on ingress, and on egress as well when it has egress rules.
  const types = spec.policyTypes?.length
    ? spec.policyTypes
    : ["Ingress", ...(egress.length > 0 ? ["Egress"] : [])];
  const peers = [
    ...ingress.flatMap(({ from }, i) =>
      (from ?? []).map((peer, j) => ({ peer, path: ["ingress", i, "from", j] })),
    ),
    ...egress.flatMap(({ to }, i) => (to ?? []).map((peer, j) => ({ peer, path: ["egress", i, "to", j] }))),
  ];
  return {
    policy: {
      namespace,
      name,
      selector: toSelector(spec.podSelector),
      ...(types.includes("Ingress")
        ? { ingress: ingress.map(({ from, ports }) => toRule(from, ports)) }
        : {}),
      ...(types.includes("Egress") ? { egress: egress.map(({ to, ports }) => toRule(to, ports)) } : {}),
      blocks: {
        ingress: blocksIn(ingress.flatMap(({ from }) => from ?? [])),
        egress: blocksIn(egress.flatMap(({ to }) => to ?? [])),
      },
    },
    problems: peers.flatMap(({ peer, path }) =>
      oddBlocks(peer).map(({ at, message }) => ({ path: [...path, "ipBlock", ...at], message })),
    ),
  };
}

function toRule(
  peers: readonly PeerInput[] | null | undefined,
  ports: readonly PortInput[] | null | undefined,
): Rule {
  return {
    ...(peers?.length ? { peers: peers.map(toPeer) } : {}),
    ...(ports?.length ? { ports: ports.map(toRulePort) } : {}),
  };
}

function toPeer({ ipBlock, namespaceSelector, podSelector }: PeerInput): Peer {
  if (ipBlock) return { type: "block", addresses: addressesOf(ipBlock) };
  const pods = toSelector(podSelector);
  return namespaceSelector
    ? { type: "pods", namespaces: toSelector(namespaceSelector), pods }
    : { type: "pods", pods };
}

function toRulePort({ protocol, port, endPort }: PortInput): RulePort {
  const named = protocol ?? "TCP";
  if (typeof port === "string") return { type: "name", protocol: named, name: port };
  if (port === undefined || port === null) return { type: "range", protocol: named, low: 1, high: 65535 };
  return { type: "range", protocol: named, low: port, high: endPort ?? port };
}

function toSelector(selector: SelectorInput | null | undefined): Selector {
  return [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: "In" as const,
      values: [value],
    })),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values }) => ({
      key,
      operator,
      values: values ?? [],
    })),
  ];
}

function blocksIn(peers: readonly PeerInput[]): AddressSet[] {
  return peers.flatMap(({ ipBlock }) => (ipBlock ? [addressesOf(ipBlock)] : []));
}

function addressesOf({ cidr, except }: NonNullable<PeerInput["ipBlock"]>): AddressSet {
  const holes = (except ?? []).map(block).reduce(unionAddresses, NO_ADDRESSES);
  return subtractAddresses(block(cidr), holes);
}

/**
 * Blocks that are clear although the API server refuses them: exceptions outside of the block (which change nothing),
 * and bits after the prefix, which older servers stored and clusters still hold.
 */
function oddBlocks({ ipBlock }: PeerInput): { at: readonly (string | number)[]; message: string }[] {
  if (!ipBlock) return [];
  const whole = block(ipBlock.cidr);
  const exceptions = (ipBlock.except ?? []).map((text, index) => ({
    text,
    at: ["except", index],
    hole: block(text),
  }));
  const stray = exceptions.filter(({ hole }) => {
    const inside = isSubset(hole.ipv4, whole.ipv4) && isSubset(hole.ipv6, whole.ipv6);
    const all = isSubset(whole.ipv4, hole.ipv4) && isSubset(whole.ipv6, hole.ipv6);
    return !inside || all;
  });
  const loose = [{ text: ipBlock.cidr, at: ["cidr"] }, ...exceptions].filter(
    ({ text }) => !startsAtItsAddress(text),
  );
  return [
    ...stray.map(({ text, at }) => ({
      at,
      message: `except ${text} is not a part of ${ipBlock.cidr}; the API server refuses that`,
    })),
    ...loose.map(({ text, at }) => ({
      at,
      message: `${text} is read as ${toCidrs(block(text))}; newer API servers refuse it so`,
    })),
  ];
}

function startsAtItsAddress(cidr: string): boolean {
  const address = parseAddress(cidr.split("/")[0] ?? "") ?? NO_ADDRESSES;
  const { ipv4, ipv6 } = block(cidr);
  return ipv4[0]?.low === address.ipv4[0]?.low && ipv6[0]?.low === address.ipv6[0]?.low;
}

/** The schema has refused everything that is not a CIDR block. */
function block(text: string): AddressSet {
  return parseCidr(text) ?? NO_ADDRESSES;
}
