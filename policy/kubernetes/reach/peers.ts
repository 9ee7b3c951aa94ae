import { contains } from "../../sets/ranges.ts";
import { Bits } from "./bits.ts";
import { type Cluster, type Peer, type Rule, selects } from "./cluster.ts";
import type { Endpoint } from "./endpoints.ts";

/** Finds the endpoints that the peers of a rule mean. Policies tend to repeat each other, so answers are kept. */
export class Peers {
  readonly #cluster: Cluster;
  readonly #endpoints: readonly Endpoint[];
  readonly #ofPeer = new Map<string, Bits>();
  readonly #ofRule = new Map<Rule, Bits>();

  constructor(cluster: Cluster, endpoints: readonly Endpoint[]) {
    this.#cluster = cluster;
    this.#endpoints = endpoints;
  }

  /** The endpoints, by index, at the other side of a rule of a policy in `namespace`. */
  of(namespace: string, rule: Rule): Bits {
    const known = this.#ofRule.get(rule);
    if (known !== undefined) return known;
    const found = new Bits(this.#endpoints.length);
    if (rule.peers === undefined) for (const { index } of this.#endpoints) found.add(index);
    else for (const peer of rule.peers) found.addAll(this.#matching(namespace, peer));
    this.#ofRule.set(rule, found);
    return found;
  }

  #matching(namespace: string, peer: Peer): Bits {
    const key = keyOf(namespace, peer);
    const known = this.#ofPeer.get(key);
    if (known !== undefined) return known;
    const found = new Bits(this.#endpoints.length);
    for (const endpoint of this.#endpoints) {
      const isMeant =
        peer.type === "block" ? isInBlock(endpoint, peer) : this.#isSelected(endpoint, namespace, peer);
      if (isMeant) found.add(endpoint.index);
    }
    this.#ofPeer.set(key, found);
    return found;
  }

  #isSelected(endpoint: Endpoint, namespace: string, peer: Extract<Peer, { type: "pods" }>): boolean {
    if (endpoint.type === "external") return false;
    const { pod } = endpoint;
    const inNamespace =
      peer.namespaces === undefined
        ? pod.namespace === namespace
        : selects(peer.namespaces, this.#cluster.namespaces.get(pod.namespace) ?? {});
    return inNamespace && selects(peer.pods, pod.labels);
  }
}

/** A range is never cut by a block, so its first address tells for all of it. */
function isInBlock(endpoint: Endpoint, { addresses }: Extract<Peer, { type: "block" }>): boolean {
  if (endpoint.type === "pod") return false;
  const { low } = endpoint.range;
  return typeof low === "number" ? contains(addresses.ipv4, low) : contains(addresses.ipv6, low);
}

/** The same text for peers that mean the same endpoints. JSON has no bigint, so blocks are spelt out. */
function keyOf(namespace: string, peer: Peer): string {
  if (peer.type === "pods") return JSON.stringify([peer.namespaces ?? namespace, peer.pods]);
  const { ipv4, ipv6 } = peer.addresses;
  return [...ipv4, ...ipv6].map(({ low, high }) => `${typeof low} ${low}-${high}`).join();
}
