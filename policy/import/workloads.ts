import type { Pod } from "../kubernetes/reach/index.ts";
import { canonicalJson, sortedSet } from "../model/canonical.ts";
import { API_VERSION } from "../schema/index.ts";
import { name as nameSchema, selector as selectorSchema } from "../schema/primitives.ts";
import type { Caller } from "./callers.ts";
import { selects } from "./destinations.ts";
import type { ImportedDocument, NoEqual } from "./types.ts";

/** Labels that a controller gives to each pod anew, or a release to each version: a selector with one would miss the next. */
const VOLATILE =
  /^(pod-template-hash|pod-template-generation|controller-revision-hash|batch\.kubernetes\.io\/.*|statefulset\.kubernetes\.io\/.*|apps\.kubernetes\.io\/pod-index|job-name|controller-uid|security\.istio\.io\/.*|service\.istio\.io\/.*|topology\.istio\.io\/.*|version|app\.kubernetes\.io\/version|helm\.sh\/chart)$/;

/** A Workload for every identity that is known. */
export function workloadsOf(
  named: readonly Caller[],
  pods: readonly Pod[],
  owner: string | undefined,
  noEqual: NoEqual[],
): ImportedDocument[] {
  return named.flatMap(({ namespace, account }) => {
    if (!nameSchema.safeParse(namespace).success || !nameSchema.safeParse(account).success) {
      noEqual.push({
        subject: `identity ${namespace}/${account}`,
        message: "a Workload's name is a DNS label; grants to it are left out",
      });
      return [];
    }
    const own = pods.filter((pod) => pod.namespace === namespace && pod.serviceAccount === account);
    const selector = selectorOf(own, pods);
    const names = sortedSet(own.map(({ workload }) => workload));
    return [
      {
        document: {
          apiVersion: API_VERSION,
          kind: "Workload",
          metadata: { name: account, namespace },
          spec: {
            ...(selector && { selector }),
            // It is there already, and is not ours.
            createServiceAccount: false,
            ...(owner !== undefined && { owner }),
          },
        },
        comments:
          own.length > 0
            ? [`pods of ${names.join(", ")}`]
            : ["named by a policy; the folder has no pods that run as it"],
      },
    ];
  });
}

/** Labels that all pods of the account have, and no pod of another account of the namespace. */
function selectorOf(own: readonly Pod[], all: readonly Pod[]): Record<string, string> | undefined {
  const [first] = own;
  if (first === undefined) return undefined;
  const labels = Object.fromEntries(
    Object.entries(first.labels).filter(
      ([key, value]) => !VOLATILE.test(key) && own.every((pod) => pod.labels[key] === value),
    ),
  );
  if (!selectorSchema.safeParse(labels).success) return undefined;
  const accounts = new Set(own.map((pod) => canonicalJson([pod.namespace, pod.serviceAccount])));
  const others = all.filter(
    (pod) =>
      pod.namespace === first.namespace && !accounts.has(canonicalJson([pod.namespace, pod.serviceAccount])),
  );
  return others.some((pod) => selects(labels, pod.labels)) ? undefined : labels;
}
