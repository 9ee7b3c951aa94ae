import { fields, kubernetesObject, list, sample, text, texts } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

const allow = (rules: readonly unknown[]) =>
  sample("security.istio.io/v1", "AuthorizationPolicy", "db", {
    selector: { matchLabels: { app: "db" } },
    rules,
  });
const policy = (ingress: readonly unknown[]) =>
  sample("networking.k8s.io/v1", "NetworkPolicy", "db", {
    podSelector: {},
    policyTypes: ["Ingress"],
    ingress,
  });

/** Fields of a source that say who; without one of them, the source is everybody. `not…` fields leave nearly everybody. */
const WHO = [
  "principals",
  "requestPrincipals",
  "namespaces",
  "serviceAccounts",
  "ipBlocks",
  "remoteIpBlocks",
];

/** PR571. */
export const anybody: ResourceRule = {
  id: "PR571",
  over: "resource",
  severities: ["error", "warning"],
  remediation:
    "Name the clients: `from.source.principals` in an AuthorizationPolicy, `from` in a NetworkPolicy.",
  bad: [
    [allow([{ to: [{ operation: { ports: ["5432"] } }] }])],
    [allow([{}])],
    [allow([{ from: [{ source: { principals: ["*"] } }] }])],
    [allow([{ from: [{ source: { notNamespaces: ["dev"] } }] }])],
    [policy([{}])],
    [policy([{ ports: [{ port: 5432 }] }])],
  ],
  good: [
    [allow([{ from: [{ source: { principals: ["prod.example.com/ns/shop/sa/api"] } }] }])],
    [allow([{ when: [{ key: "source.namespace", values: ["shop"] }] }])],
    // An ALLOW without rules allows nobody.
    [allow([])],
    [policy([{ from: [{ podSelector: {} }] }])],
  ],
  *check(resource): Iterable<StackBreach> {
    const object = kubernetesObject(resource);
    if (!object) return;
    const { kind, namespace, name, spec } = object;
    if (kind === "security.istio.io/AuthorizationPolicy") {
      if ((spec.action ?? "ALLOW") !== "ALLOW") return;
      for (const [index, rule] of list(spec.rules).entries()) {
        if (!isOpen(fields(rule))) continue;
        yield { message: `AuthorizationPolicy ${namespace}/${name} allows anybody in rule ${index}` };
      }
    } else if (kind === "networking.k8s.io/NetworkPolicy") {
      for (const [index, rule] of list(spec.ingress).entries()) {
        if (list(fields(rule).from).length > 0) continue;
        // Who may come to one port, what listens there may still say; with every port open there is no guard at all.
        const severity = list(fields(rule).ports).length > 0 ? "warning" : "error";
        yield {
          severity,
          message: `NetworkPolicy ${namespace}/${name} lets in anybody in ingress rule ${index}`,
        };
      }
    }
  },
};

function isOpen(rule: ReturnType<typeof fields>): boolean {
  const conditions = list(rule.when).map(fields);
  const says = (key: string) =>
    key.startsWith("source.") || key.startsWith("remote.") || key.startsWith("request.auth.");
  if (conditions.some((when) => says(text(when.key)) && texts(when.values).length > 0)) return false;
  const sources = list(rule.from).map((from) => fields(fields(from).source));
  return sources.length === 0 || sources.some((source) => !WHO.some((key) => narrows(texts(source[key]))));
}

/** Every identity is nobody in particular. */
function narrows(values: readonly string[]): boolean {
  return values.length > 0 && !values.includes("*");
}
