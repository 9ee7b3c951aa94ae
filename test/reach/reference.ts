/**
 * A slow, plainly correct judge of single packets under NetworkPolicy, for comparing the evaluator with. It shares no
 * code with the evaluator: it reads raw objects, knows no sets or ranges, and follows the API reference sentence by
 * sentence. It only understands what the generator in `generate.ts` writes.
 */
export interface Packet {
  readonly from: Side;
  readonly to: Side;
  readonly protocol: string;
  readonly port: number;
}

/** A pod, or an IPv4 address outside of the cluster. */
export type Side = RawPod | string;

export interface RawPod {
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly ports: readonly {
    readonly name?: string;
    readonly protocol?: string;
    readonly containerPort: number;
  }[];
}

export interface RawSelector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: string[];
  }[];
}

export interface RawPeer {
  readonly podSelector?: RawSelector;
  readonly namespaceSelector?: RawSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface RawRule {
  readonly from?: readonly RawPeer[];
  readonly to?: readonly RawPeer[];
  readonly ports?: readonly {
    readonly protocol?: string;
    readonly port?: number | string;
    readonly endPort?: number;
  }[];
}

export interface RawPolicy {
  readonly kind: "NetworkPolicy";
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly podSelector?: RawSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly RawRule[];
    readonly egress?: readonly RawRule[];
  };
}

export interface World {
  /** Labels of the namespaces that exist as objects. */
  readonly namespaces: Record<string, Record<string, string>>;
  readonly policies: readonly RawPolicy[];
}

/** Whether the packet that opens a connection gets from one side to the other. */
export function passes(world: World, packet: Packet): boolean {
  return mayLeave(world, packet) && mayEnter(world, packet);
}

function mayLeave(world: World, packet: Packet): boolean {
  const pod = packet.from;
  if (typeof pod === "string") return true;
  const applying = world.policies.filter(
    (policy) => selectsPod(policy, pod) && typesOf(policy).includes("Egress"),
  );
  if (applying.length === 0) return true;
  return applying.some((policy) =>
    (policy.spec.egress ?? []).some((rule) => matches(world, policy, rule, rule.to, packet.to, packet)),
  );
}

function mayEnter(world: World, packet: Packet): boolean {
  const pod = packet.to;
  if (typeof pod === "string") return true;
  const applying = world.policies.filter(
    (policy) => selectsPod(policy, pod) && typesOf(policy).includes("Ingress"),
  );
  if (applying.length === 0) return true;
  return applying.some((policy) =>
    (policy.spec.ingress ?? []).some((rule) => matches(world, policy, rule, rule.from, packet.from, packet)),
  );
}

function typesOf(policy: RawPolicy): readonly string[] {
  const { policyTypes, egress } = policy.spec;
  if (policyTypes && policyTypes.length > 0) return policyTypes;
  return egress && egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

function namespaceOf(policy: RawPolicy): string {
  return policy.metadata.namespace ?? "default";
}

function selectsPod(policy: RawPolicy, pod: RawPod): boolean {
  return namespaceOf(policy) === pod.namespace && fits(policy.spec.podSelector ?? {}, pod.labels);
}

function matches(
  world: World,
  policy: RawPolicy,
  rule: RawRule,
  peers: readonly RawPeer[] | undefined,
  other: Side,
  packet: Packet,
): boolean {
  const peerFits = !peers || peers.length === 0 || peers.some((peer) => isPeer(world, policy, peer, other));
  const portFits = !rule.ports || rule.ports.length === 0 || rule.ports.some((port) => isPort(port, packet));
  return peerFits && portFits;
}

function isPeer(world: World, policy: RawPolicy, peer: RawPeer, other: Side): boolean {
  if (peer.ipBlock) {
    if (typeof other !== "string") return false;
    return (
      isInside(other, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((cidr) => isInside(other, cidr))
    );
  }
  if (typeof other === "string") return false;
  const labels = { ...world.namespaces[other.namespace], "kubernetes.io/metadata.name": other.namespace };
  const namespaceFits = peer.namespaceSelector
    ? fits(peer.namespaceSelector, labels)
    : other.namespace === namespaceOf(policy);
  return namespaceFits && fits(peer.podSelector ?? {}, other.labels);
}

function isPort(port: NonNullable<RawRule["ports"]>[number], packet: Packet): boolean {
  if ((port.protocol ?? "TCP") !== packet.protocol) return false;
  if (port.port === undefined) return true;
  if (typeof port.port === "number")
    return packet.port >= port.port && packet.port <= (port.endPort ?? port.port);
  if (typeof packet.to === "string") return false;
  return packet.to.ports.some(
    ({ name, protocol, containerPort }) =>
      name === port.port && (protocol ?? "TCP") === packet.protocol && containerPort === packet.port,
  );
}

function fits(selector: RawSelector, labels: Record<string, string>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (labels[key] !== value) return false;
  }
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    if (operator === "In" && !(value !== undefined && values.includes(value))) return false;
    if (operator === "NotIn" && value !== undefined && values.includes(value)) return false;
    if (operator === "Exists" && value === undefined) return false;
    if (operator === "DoesNotExist" && value !== undefined) return false;
  }
  return true;
}

/** Compares the addresses bit by bit. */
function isInside(address: string, cidr: string): boolean {
  const [block = "", length = "32"] = cidr.split("/");
  return bits(address).slice(0, Number(length)) === bits(block).slice(0, Number(length));
}

function bits(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(2).padStart(8, "0"))
    .join("");
}
