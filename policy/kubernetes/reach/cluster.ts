import type { AddressSet } from "../../sets/addresses.ts";
import type { Protocol } from "../../sets/ports.ts";

/** What Kubernetes objects say that matters to a NetworkPolicy, checked and with every default filled in. */
export interface Cluster {
  /** Labels of each namespace that was given or that something lives in, by name. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** The namespaces of which the Namespace object itself was given: of the others only the name is known. */
  readonly declared: ReadonlySet<string>;
  readonly pods: readonly Pod[];
  readonly policies: readonly NetworkPolicy[];
}

export type Labels = Readonly<Record<string, string>>;

/** A pod, or the pod template of a workload: what a policy can select, or see as a peer. */
export interface Pod {
  /** `namespace/name` of the topmost known owner; see `owner.ts`. */
  readonly workload: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly ports: readonly ContainerPort[];
  /** Such a pod shares its node's address; most network plugins do not apply NetworkPolicy to it. */
  readonly hostNetwork: boolean;
  /** @default "default" */
  readonly serviceAccount: string;
}

export interface ContainerPort {
  /** Only a named port can be meant by name in a policy. */
  readonly name?: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export interface NetworkPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Selector;
  /** Absent when the policy says nothing on connections to the selected pods. */
  readonly ingress?: readonly Rule[];
  /** Absent when the policy says nothing on connections from the selected pods. */
  readonly egress?: readonly Rule[];
  /** The ipBlocks of its rules, those of a direction that is not among its `policyTypes` too. */
  readonly blocks: { readonly ingress: readonly AddressSet[]; readonly egress: readonly AddressSet[] };
}

export interface Rule {
  /** The other side; absent means anyone, in the cluster and outside. */
  readonly peers?: readonly Peer[];
  /** Absent means every port of every protocol. */
  readonly ports?: readonly RulePort[];
}

export type Peer =
  /** Pods that the selector selects; in the policy's own namespace when `namespaces` is absent. */
  | { readonly type: "pods"; readonly namespaces?: Selector; readonly pods: Selector }
  /** Addresses outside of the cluster. */
  | { readonly type: "block"; readonly addresses: AddressSet };

export type RulePort =
  | { readonly type: "range"; readonly protocol: Protocol; readonly low: number; readonly high: number }
  /** The number is looked up in the container ports of the pod that is connected *to*. */
  | { readonly type: "name"; readonly protocol: Protocol; readonly name: string };

/** All requirements must hold; without any, everything is selected. */
export type Selector = readonly Requirement[];

export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** Whether the labels meet every requirement. As in Kubernetes, `NotIn` also holds where the key is absent. */
export function selects(selector: Selector, labels: Labels): boolean {
  return selector.every((requirement) => isMet(requirement, labels));
}

function isMet({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
