import { compareText } from "../finding.ts";
import { at, isNetworkPolicy, isPolicy, labelsAt, listAt, textAt, textsAt } from "./objects.ts";

/** A namespace that no policy names: who is in it stands for everybody else. */
const STRANGER = "portreeve-stranger";

/**
 * Pods that stand for the workloads that policies are about, where only policies are known: one for each selector, one for
 * each identity, one for each namespace that is named, and a stranger. Two sets of policies that treat all of them alike
 * give the same access, as far as they select by labels and name identities in full; `inexact` lists what does not.
 */
export function witnesses(objects: readonly unknown[]): { pods: unknown[]; inexact: string[] } {
  const found = new Map<string, unknown>();
  const inexact = new Set<string>();
  const add = (namespace: string, name: string, labels: Record<string, string>, account: string): void => {
    found.set(`${namespace}/${name}`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name, labels },
      spec: { serviceAccountName: account, containers: [] },
    });
  };
  const somebody = (namespace: string): void => add(namespace, "somebody", {}, "somebody");
  const selected = (namespace: string, labels: Record<string, string>): void => {
    if (Object.keys(labels).length === 0) somebody(namespace);
    else add(namespace, labelText(labels), labels, "selected");
  };
  const account = (namespace: string, name: string): void => {
    if (`${namespace}${name}`.includes("*")) inexact.add(`identities like ${namespace}/${name}`);
    else add(namespace, `account:${name}`, {}, name);
  };
  somebody(STRANGER);
  for (const object of objects.filter(isPolicy)) {
    const namespace = textAt(object, "metadata", "namespace") || "default";
    if (isNetworkPolicy(object)) {
      networkWitnesses(object, namespace, selected, (what) => inexact.add(what));
      continue;
    }
    selected(namespace, labelsAt(object, "spec", "selector", "matchLabels"));
    const rules = listAt(object, "spec", "rules");
    for (const source of rules.flatMap((rule) => listAt(rule, "from"))) {
      for (const name of ["principals", "notPrincipals"]) {
        for (const principal of textsAt(source, "source", name)) {
          const [, ns, sa] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal) ?? [];
          if (ns !== undefined && sa !== undefined) account(ns, sa);
          else inexact.add(`principals like ${principal}`);
        }
      }
      for (const name of ["namespaces", "notNamespaces"]) {
        for (const named of textsAt(source, "source", name)) {
          if (named.includes("*")) inexact.add(`namespaces like ${named}`);
          else somebody(named);
        }
      }
      for (const name of ["serviceAccounts", "notServiceAccounts"]) {
        for (const named of textsAt(source, "source", name)) {
          const [first = "", second] = named.split("/");
          account(second === undefined ? namespace : first, second ?? first);
        }
      }
    }
  }
  return { pods: [...found.values()], inexact: [...inexact].sort(compareText) };
}

function networkWitnesses(
  policy: unknown,
  namespace: string,
  selected: (namespace: string, labels: Record<string, string>) => void,
  inexact: (what: string) => void,
): void {
  const labels = (selector: unknown): Record<string, string> => {
    if (listAt(selector, "matchExpressions").length > 0)
      inexact("NetworkPolicy selectors with matchExpressions");
    return labelsAt(selector, "matchLabels");
  };
  selected(namespace, { ...labelsAt(policy, "spec", "podSelector", "matchLabels") });
  const peers = [
    ...listAt(policy, "spec", "ingress").flatMap((rule) => listAt(rule, "from")),
    ...listAt(policy, "spec", "egress").flatMap((rule) => listAt(rule, "to")),
  ];
  for (const peer of peers) {
    const pods = labels(at(peer, "podSelector"));
    const wanted = labels(at(peer, "namespaceSelector"));
    const named = wanted["kubernetes.io/metadata.name"];
    if (named === undefined && Object.keys(wanted).length > 0)
      inexact("NetworkPolicy namespaceSelectors other than by name");
    selected(named ?? namespace, pods);
  }
}

/** The name of the pod that stands for a selector, as rows have it. */
export function witnessName(namespace: string, labels: Readonly<Record<string, string>>): string {
  return `${namespace}/${labelText(labels)}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
