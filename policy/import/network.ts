import {
  type Cluster,
  type Endpoint,
  type Pod,
  Reachability,
  readCluster,
} from "../kubernetes/reach/index.ts";
import { type AddressSet, parseAddress, parseCidr } from "../sets/addresses.ts";
import { hasPort } from "../sets/ports.ts";
import { contains } from "../sets/ranges.ts";
import { type Caller, UNKNOWN } from "./callers.ts";
import type { Mesh } from "./types.ts";

/** What NetworkPolicy says of the pods of one caller: all of them may connect, some, or none. */
export type NetworkVerdict = "all" | "some" | "none";

/** The port at which ztunnel takes tunnelled connections for its pods. */
const HBONE = 15008;

/**
 * NetworkPolicy as a second ring around the mesh. It knows pods and not identities, so an identity stands for its pods in
 * the folder; one without pods for a pod without labels in its namespace.
 */
export class Network {
  readonly #reachability: Reachability | undefined;
  readonly #byLook = new Map<string, Endpoint>();
  readonly #byAccount = new Map<string, Endpoint[]>();
  readonly #outside: Endpoint[] = [];
  readonly #mesh: Mesh;

  constructor(
    objects: readonly unknown[],
    cluster: Cluster,
    namespaces: readonly string[],
    blocks: readonly AddressSet[],
    mesh: Mesh,
  ) {
    this.#mesh = mesh;
    if (cluster.policies.length === 0) return;
    const stand = [...namespaces, UNKNOWN].map((namespace) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: UNKNOWN, namespace },
      spec: { serviceAccountName: UNKNOWN, containers: [] },
    }));
    const { cluster: whole } = readCluster([...objects, ...stand]);
    // The IPv6 world is only cut when some block names a part of it.
    const halves = parseCidr("8000::/1");
    this.#reachability = new Reachability(whole, {
      ipv6: true,
      alsoCut: [...blocks, ...(halves ? [halves] : [])],
    });
    for (const { src, dst } of this.#reachability.pairs()) {
      for (const endpoint of [...src.endpoints, ...dst.endpoints]) this.#remember(endpoint, src.endpoints);
    }
  }

  #remember(endpoint: Endpoint, sources: readonly Endpoint[]): void {
    if (endpoint.type === "external") {
      if (sources.includes(endpoint) && !this.#outside.includes(endpoint)) this.#outside.push(endpoint);
      return;
    }
    const look = lookOf(endpoint.pod);
    if (this.#byLook.has(look)) return;
    this.#byLook.set(look, endpoint);
    const key = `${endpoint.pod.namespace}/${endpoint.pod.serviceAccount}`;
    const list = this.#byAccount.get(key);
    if (list) list.push(endpoint);
    else this.#byAccount.set(key, [endpoint]);
  }

  /** Whether the caller's pods may open a connection to this port of the pod. */
  allowsCaller(caller: Caller, to: Pod, port: number): NetworkVerdict {
    if (this.#reachability === undefined) return "all";
    const known =
      this.#byAccount.get(`${caller.namespace}/${caller.account}`) ??
      this.#byAccount.get(`${caller.namespace}/${UNKNOWN}`) ??
      this.#byAccount.get(`${UNKNOWN}/${UNKNOWN}`) ??
      [];
    // Between two workloads of ambient mode the network sees the tunnel's port.
    return this.#ask(known, to, this.#mesh.dataPlane === "ztunnel" ? HBONE : port);
  }

  /** Whether an address outside of the cluster may. */
  allowsAddress(address: string, to: Pod, port: number): boolean {
    if (this.#reachability === undefined) return true;
    const set = parseAddress(address);
    const from = this.#outside.filter((endpoint) => {
      if (endpoint.type !== "external" || set === undefined) return false;
      const { low, high } = endpoint.range;
      const [v4, v6] = [set.ipv4[0]?.low, set.ipv6[0]?.low];
      if (typeof low === "number" && typeof high === "number")
        return v4 !== undefined && contains([{ low, high }], v4);
      return (
        typeof low === "bigint" &&
        typeof high === "bigint" &&
        v6 !== undefined &&
        contains([{ low, high }], v6)
      );
    });
    return this.#ask(from, to, port) === "all";
  }

  #ask(from: readonly Endpoint[], to: Pod, port: number): NetworkVerdict {
    const reachability = this.#reachability;
    const target = this.#byLook.get(lookOf(to));
    // Without NetworkPolicies, and for pods that the folder does not have, nothing is known to stand in the way.
    if (reachability === undefined || target === undefined) return "all";
    const allowed = from.filter((endpoint) =>
      hasPort(reachability.allowed(endpoint, target), "TCP", port),
    ).length;
    if (allowed === 0) return "none";
    return allowed === from.length ? "all" : "some";
  }
}

function lookOf(pod: Pod): string {
  return JSON.stringify([pod.namespace, pod.serviceAccount, pod.labels, pod.ports, pod.hostNetwork]);
}
