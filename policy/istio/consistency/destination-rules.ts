import { compareText } from "../../finding.ts";
import type { Labels } from "../../kubernetes/reach/index.ts";
import type { Subset, TrafficPolicy } from "./schema.ts";
import type { DestinationRule, MeshService } from "./world.ts";

/** One or several rules for a host, as istiod has merged them. */
export interface MergedRule {
  readonly exportTo: ReadonlySet<string>;
  readonly selector: Labels | undefined;
  /** The traffic policy in effect, and the rule that it is written in. */
  readonly policy: { readonly trafficPolicy: TrafficPolicy; readonly rule: DestinationRule } | undefined;
  readonly subsets: readonly {
    readonly subset: Subset;
    readonly index: number;
    readonly rule: DestinationRule;
  }[];
}

/** By host; a host that starts with `*` stands for all that end as it does. */
type ByHost = Map<string, MergedRule[]>;

/**
 * Finds the DestinationRule that a client's proxy uses for a service (pilot/pkg/model/push_context.go, destinationRule):
 * one in the client's namespace, else one that the service's namespace exports, else one that the root namespace exports.
 * In each the exact host wins over wildcards, and of those the longest; the search does not go on when the host was found
 * in the client's namespace, even if that rule says nothing on TLS.
 */
export class DestinationRules {
  readonly #rootNamespace: string;
  readonly #local = new Map<string, ByHost>();
  readonly #exported = new Map<string, ByHost>();
  readonly #rootPrivate: ByHost = new Map();

  constructor(rules: readonly DestinationRule[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    for (const rule of oldestFirst(rules)) this.#add(rule);
  }

  #add(rule: DestinationRule): void {
    const { namespace } = rule;
    // A rule for some workloads of a namespace is never for other namespaces.
    const exportTo = new Set(rule.selector === undefined ? rule.exportTo : ["."]);
    const own = exportTo.size === 0 || ["*", ".", namespace].some((to) => exportTo.has(to));
    if (own) merge(hosts(this.#local, namespace), rule, exportTo);
    const isPrivate = exportTo.size === 1 && (exportTo.has(".") || exportTo.has(namespace));
    if (!isPrivate) merge(hosts(this.#exported, namespace), rule, exportTo);
    else if (namespace === this.#rootNamespace) merge(this.#rootPrivate, rule, exportTo);
  }

  /** @param labels - of the client's pod */
  find(
    client: string,
    labels: Labels,
    service: Pick<MeshService, "host" | "namespace">,
  ): MergedRule | undefined {
    return choose(this.#candidates(client, service), labels);
  }

  #candidates(client: string, service: Pick<MeshService, "host" | "namespace">): readonly MergedRule[] {
    const own = client === this.#rootNamespace ? this.#rootPrivate : this.#local.get(client);
    const local = mostSpecific(own, service.host);
    if (local !== undefined) return local;
    for (const namespace of [service.namespace, this.#rootNamespace]) {
      const exported = (mostSpecific(this.#exported.get(namespace), service.host) ?? []).filter(
        ({ exportTo }) => exportTo.size === 0 || exportTo.has("*") || exportTo.has(client),
      );
      if (exported.length > 0) return exported;
    }
    return [];
  }
}

function hosts(index: Map<string, ByHost>, namespace: string): ByHost {
  const found = index.get(namespace) ?? new Map();
  index.set(namespace, found);
  return found;
}

function oldestFirst(rules: readonly DestinationRule[]): DestinationRule[] {
  return rules.toSorted(
    (a, b) =>
      (a.created === b.created ? 0 : a.created - b.created) ||
      compareText(a.name, b.name) ||
      compareText(a.namespace, b.namespace),
  );
}

/**
 * Joins rules for one host (pilot/pkg/model/destination_rule.go): subsets add up, and the first traffic policy stays as it
 * is: the second rule's `tls` is lost when the first one says anything at all. Rules that are exported differently, or are
 * for different workloads, stay apart.
 */
function merge(byHost: ByHost, rule: DestinationRule, exportTo: ReadonlySet<string>): void {
  const merged = byHost.get(rule.host) ?? [];
  byHost.set(rule.host, merged);
  let apart = true;
  for (const [index, existing] of merged.entries()) {
    const sameExport = isSubset(existing.exportTo, exportTo) && isSubset(exportTo, existing.exportTo);
    apart = !sameExport;
    if (!sameExport && (existing.exportTo.size === 0 || !isSubset(existing.exportTo, exportTo))) continue;
    if (
      rule.selector !== undefined &&
      existing.selector !== undefined &&
      !alike(rule.selector, existing.selector)
    ) {
      apart = true;
      continue;
    }
    if ((rule.selector === undefined) === (existing.selector === undefined)) apart = false;
    const names = new Set(existing.subsets.map(({ subset }) => subset.name));
    merged[index] = {
      ...existing,
      policy: existing.policy ?? policyOf(rule),
      subsets: [...existing.subsets, ...subsetsOf(rule).filter(({ subset }) => !names.has(subset.name))],
    };
  }
  if (apart) {
    merged.push({ exportTo, selector: rule.selector, policy: policyOf(rule), subsets: subsetsOf(rule) });
  }
}

function policyOf(rule: DestinationRule): MergedRule["policy"] {
  return rule.trafficPolicy === undefined ? undefined : { trafficPolicy: rule.trafficPolicy, rule };
}

function subsetsOf(rule: DestinationRule): MergedRule["subsets"] {
  return rule.subsets.map((subset, index) => ({ subset, index, rule }));
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].every((item) => b.has(item));
}

function alike(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function mostSpecific(byHost: ByHost | undefined, host: string): readonly MergedRule[] | undefined {
  const exact = byHost?.get(host);
  if (byHost === undefined || exact !== undefined) return exact;
  const [best] = [...byHost.keys()]
    .filter((pattern) => pattern.startsWith("*") && host.endsWith(pattern.slice(1)))
    .sort((a, b) => b.length - a.length || compareText(a, b));
  return best === undefined ? undefined : byHost.get(best);
}

/** The first rule for workloads like the client's, else the last one for everybody (SidecarScope.DestinationRule). */
function choose(candidates: readonly MergedRule[], labels: Labels): MergedRule | undefined {
  const own = candidates.find(
    ({ selector }) =>
      selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value),
  );
  return own ?? candidates.findLast(({ selector }) => selector === undefined);
}
