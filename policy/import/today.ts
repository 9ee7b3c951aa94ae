import { compilePolicies, type Judge, type TcpConnection } from "../istio/authorization/index.ts";
import type { AuthorizationPolicy, SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { sortedSet } from "../model/canonical.ts";
import { formatIPv4, formatIPv6, parseAddress, parseCidr } from "../sets/addresses.ts";
import type { Caller } from "./callers.ts";
import type { Network } from "./network.ts";
import { type Mask, NOWHERE, type Regions } from "./regions.ts";
import type { Mesh } from "./types.ts";

/** What a connection carries that objects do not tell: every value that policies ask for, and one that none asks for. */
interface Circumstance {
  readonly sni: string | undefined;
  readonly destinationIp: string;
}

/** From which regions a caller gets through, what lets it through there, and what keeps it out elsewhere. */
export interface Cell {
  readonly mask: Mask;
  /** `shop/api#0`, sorted; nothing where no rule decides. */
  readonly by: readonly string[];
  readonly against: readonly string[];
}

/** One connection to one pod. */
export interface TodaysVerdict {
  readonly allowed: boolean;
  /** Istio lets it in, and NetworkPolicy does for some of the caller's pods only. */
  readonly partly: boolean;
  /** `shop/api#0`; undefined where no rule decides. */
  readonly by: string | undefined;
}

/** Stands for a destination address where no policy asks for one (RFC 5737: no host has it). */
const SOME_ADDRESS = "192.0.2.1";

/** What today's objects do with a connection. The same question is judged once. */
export class Today {
  readonly #policies: readonly SecurityPolicy[];
  readonly #mesh: Mesh;
  readonly #regions: Regions;
  readonly #network: Network;
  readonly #circumstances: readonly Circumstance[];
  readonly #judges = new Map<string, Judge>();
  readonly #ofPod = new WeakMap<Pod, Judge>();

  constructor(policies: readonly SecurityPolicy[], mesh: Mesh, regions: Regions, network: Network) {
    this.#policies = policies.filter((policy) => !isCustom(policy));
    this.#mesh = mesh;
    this.#regions = regions;
    this.#network = network;
    this.#circumstances = circumstances(policies);
  }

  /** What is sure: the regions from which the caller gets through to each of the pods, whatever the circumstances. */
  cell(pods: readonly Pod[], port: number, caller: Caller | null): Cell {
    let mask = NOWHERE;
    const by = new Set<string>();
    const against = new Set<string>();
    for (const [region, ip] of this.#regions.first.entries()) {
      const verdicts = pods.flatMap((pod) => this.verdicts(pod, port, caller, ip));
      const refused = verdicts.find(({ allowed }) => !allowed);
      if (refused === undefined) mask |= 1n << BigInt(region);
      const into = refused === undefined ? by : against;
      for (const verdict of refused === undefined ? verdicts : [refused])
        if (verdict.by !== undefined) into.add(verdict.by);
    }
    return { mask, by: sortedSet(by), against: sortedSet(against) };
  }

  /** One connection to one pod, under each circumstance. */
  verdicts(
    pod: Pod,
    port: number,
    caller: Caller | null,
    ip: string,
    trustDomain: string = this.#mesh.trustDomain,
  ): TodaysVerdict[] {
    const network =
      caller === null
        ? this.#network.allowsAddress(ip, pod, port)
          ? "all"
          : "none"
        : this.#network.allowsCaller(caller, pod, port);
    const principal = caller === null ? null : `${trustDomain}/ns/${caller.namespace}/sa/${caller.account}`;
    const judge = this.#judge(pod);
    return this.#circumstances.map(({ sni, destinationIp }) => {
      const connection: TcpConnection = {
        source: { ip, principal },
        destination: { ip: destinationIp, port },
        ...(sni !== undefined && { sni }),
      };
      const { verdict, by } = judge(connection);
      return {
        allowed: verdict === "allow" && network === "all",
        partly: verdict === "allow" && network === "some",
        by: by === null ? undefined : `${by.policy}#${by.rule}`,
      };
    });
  }

  /** Pods with the same labels share one; found by the pod, as each is asked about many thousand times. */
  #judge(pod: Pod): Judge {
    const own = this.#ofPod.get(pod);
    if (own !== undefined) return own;
    const key = JSON.stringify([pod.namespace, pod.labels]);
    const judge = this.#judges.get(key) ?? this.#compile(pod);
    this.#judges.set(key, judge);
    this.#ofPod.set(pod, judge);
    return judge;
  }

  #compile({ namespace, labels }: Pod): Judge {
    const { trustDomain, aliases, rootNamespace, dataPlane } = this.#mesh;
    return compilePolicies({
      dataplane: dataPlane,
      policies: this.#policies,
      workload: { namespace, labels, trustDomain, trustDomainAliases: aliases, rootNamespace },
    });
  }
}

export function isCustom(policy: SecurityPolicy): policy is AuthorizationPolicy {
  return policy.kind === "AuthorizationPolicy" && policy.spec?.action === "CUSTOM";
}

function circumstances(policies: readonly SecurityPolicy[]): readonly Circumstance[] {
  const conditions = policies
    .flatMap((policy) => (policy.kind === "AuthorizationPolicy" ? (policy.spec?.rules ?? []) : []))
    .flatMap(({ when }) => when ?? []);
  const values = (key: string) =>
    sortedSet(
      conditions
        .filter((condition) => condition.key === key)
        .flatMap((condition) => [...(condition.values ?? []), ...(condition.notValues ?? [])]),
    );
  const names = [undefined, ...values("connection.sni").map((name) => name.replaceAll("*", "x"))];
  const addresses = values("destination.ip").flatMap((text) => {
    const set = parseCidr(text) ?? parseAddress(text);
    const [v4, v6] = [set?.ipv4[0], set?.ipv6[0]];
    if (v4) return [formatIPv4(v4.low)];
    return v6 ? [formatIPv6(v6.low)] : [];
  });
  return names.flatMap((sni) =>
    [SOME_ADDRESS, ...addresses].map((destinationIp) => ({ sni, destinationIp })),
  );
}
