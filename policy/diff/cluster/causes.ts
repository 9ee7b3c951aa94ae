import { selects as istioSelects, namespaceOf } from "../../istio/authorization/select.ts";
import { MESH_DEFAULTS } from "../../istio/authorization/types.ts";
import { type Pod, selectsLabels } from "../../kubernetes/reach/index.ts";
import { type Cause, distinctCauses } from "../change.ts";
import type { ClusterSide, Written } from "./objects.ts";
import type { KubeService } from "./service.ts";

/** An object that is not the same on both sides. */
export interface ChangedObject extends Cause {
  readonly before: Written | undefined;
  readonly after: Written | undefined;
}

/** The objects that were added, removed or changed, by content; formatting and order do not count. */
export function changedObjects(before: ClusterSide, after: ClusterSide): ChangedObject[] {
  const ids = new Set([...before.written.keys(), ...after.written.keys()]);
  return [...ids].sort().flatMap((object): ChangedObject[] => {
    const old = before.written.get(object);
    const now = after.written.get(object);
    if (old?.content === now?.content) return [];
    const what = old === undefined ? "added" : now === undefined ? "removed" : "changed";
    return [{ object, what, position: (now ?? old)?.position, before: old, after: now }];
  });
}

/** The two ends of a change. */
export interface Ends {
  /** Pods of either side that may have opened the connection; none for an address outside. */
  readonly from: readonly Pod[];
  readonly to: readonly Pod[];
  readonly service: Pick<KubeService, "namespace" | "name"> | undefined;
}

/** Finds which of the changed objects a change in access can come from. */
export class Causes {
  readonly #changed: readonly ChangedObject[];
  readonly #applies: ReadonlyMap<ChangedObject, Applies>;
  readonly #known = new Map<string, readonly Cause[]>();

  constructor(before: ClusterSide, after: ClusterSide, changed: readonly ChangedObject[]) {
    this.#changed = changed;
    this.#applies = new Map(changed.map((object) => [object, appliesTo(object, [before, after])]));
  }

  /** What applies to either end; where nothing does, every changed object, as one of them must be it. */
  of(key: string, ends: Ends): readonly Cause[] {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const applying = this.#changed.filter((object) => this.#applies.get(object)?.(ends));
    const causes = distinctCauses((applying.length > 0 ? applying : this.#changed).map(plain));
    this.#known.set(key, causes);
    return causes;
  }
}

const plain = ({ object, what, position }: ChangedObject): Cause => ({ object, what, position });

type Applies = (ends: Ends) => boolean;

function appliesTo(changed: ChangedObject, sides: readonly ClusterSide[]): Applies {
  const written = changed.after ?? changed.before;
  if (written === undefined) return () => false;
  const { kind, namespace, name } = written;
  switch (kind) {
    case "NetworkPolicy": {
      const policies = sides.flatMap(({ cluster }) =>
        cluster.policies.filter((policy) => policy.namespace === namespace && policy.name === name),
      );
      return ({ from, to }) =>
        policies.some(
          (policy) =>
            (policy.ingress !== undefined && to.some((pod) => isSelected(policy, pod))) ||
            (policy.egress !== undefined && from.some((pod) => isSelected(policy, pod))),
        );
    }
    case "AuthorizationPolicy":
    case "PeerAuthentication": {
      const policies = sides.flatMap(({ policies, options }) =>
        policies
          .filter(
            (policy) =>
              policy.kind === kind && namespaceOf(policy) === namespace && policy.metadata.name === name,
          )
          .map((policy) => ({ policy, root: options.rootNamespace ?? MESH_DEFAULTS.rootNamespace })),
      );
      return ({ to }) =>
        policies.some(({ policy, root }) =>
          to.some(
            (pod) =>
              (namespace === pod.namespace || namespace === root) &&
              istioSelects(policy.spec?.selector, { namespace: pod.namespace, labels: pod.labels }),
          ),
        );
    }
    case "Namespace":
      return ({ from, to }) => [...from, ...to].some((pod) => pod.namespace === name);
    case "Service":
      return ({ service }) => service?.namespace === namespace && service.name === name;
    default:
      return ({ from, to }) => [...from, ...to].some((pod) => pod.workload === `${namespace}/${name}`);
  }
}

function isSelected(policy: ClusterSide["cluster"]["policies"][number], pod: Pod): boolean {
  return policy.namespace === pod.namespace && selectsLabels(policy.selector, pod.labels);
}
