import { sortedSet } from "../../model/canonical.ts";
import type { Rule, Service } from "../../model/types.ts";
import type { IstioContext } from "./context.ts";
import { gatewayPorts } from "./gateway.ts";
import type { AuthorizationRule } from "./objects.ts";

/** Identities, and address blocks, in one Istio rule at most; more become several rules, which can be split over objects. */
const SOURCES_A_RULE = 1000;

/**
 * One rule of the model as Istio rules. The ports are those that the workload listens on, because that is what its sidecar
 * or ztunnel compares; at the egress gateway, the gateway's own.
 */
export function authorizationRules(context: IstioContext, service: Service, rule: Rule): AuthorizationRule[] {
  const ports = enforcedPorts(context, service, rule.ports).map(String);
  if (ports.length === 0) return [];
  const { subjects, when } = rule;
  const all = identities(context, subjects.workloads, subjects.namespaces);
  const base = {
    to: [{ operation: { ports } }],
    // AND-ed with whoever is in `from`, and read by sidecar and ztunnel alike.
    ...(when.sourceCidrs && { when: [{ key: "source.ip", values: when.sourceCidrs }] }),
  };
  const blocks = sortedSet(subjects.cidrs);
  const chunks = Math.ceil(Math.max(all.length, blocks.length) / SOURCES_A_RULE);
  const rules: AuthorizationRule[] = [];
  for (let start = 0; start < chunks * SOURCES_A_RULE; start += SOURCES_A_RULE) {
    const principals = all.slice(start, start + SOURCES_A_RULE);
    const ipBlocks = blocks.slice(start, start + SOURCES_A_RULE);
    const from = [
      ...(principals.length > 0 ? [{ source: { principals } }] : []),
      ...(ipBlocks.length > 0 ? [{ source: { ipBlocks } }] : []),
    ];
    // Without `from` the rule would be for everybody: a rule that names nobody makes none.
    rules.push({ from, ...base });
  }
  return rules;
}

/** The ports that the enforcement point sees for ports as clients use them. */
export function enforcedPorts(context: IstioContext, service: Service, ports: readonly number[]): number[] {
  if (service.enforcement === "gateway") {
    return sortedSet(
      gatewayPorts(context, service)
        .filter(({ port }) => ports.includes(port))
        .map(({ listener }) => listener),
    );
  }
  return sortedSet(
    service.ports.filter(({ port }) => ports.includes(port)).map(({ targetPort }) => targetPort),
  );
}

/**
 * Identities as Istio writes them, without `spiffe://` (with it they never match), in the real trust domain and in each
 * alias: a sidecar adds aliases by itself if the mesh's configuration has them, ztunnel never does.
 *
 * A namespace is the prefix of its identities and not `source.namespaces`, which would let a namespace of the same name in
 * a federated trust domain in. (An identity that goes on after the account, `…/sa/api/more`, would match the prefix and is
 * nobody to `decide`; Istio issues none.)
 */
function identities(
  context: IstioContext,
  workloads: readonly string[],
  namespaces: Rule["subjects"]["namespaces"],
): string[] {
  const { trustDomain } = context.model.trust.spec;
  const own = [
    ...workloads.map((id) => id.replace(/^spiffe:\/\//, "")),
    ...namespaces.map((source) => `${source.trustDomain}/ns/${source.namespace}/sa/*`),
  ];
  return sortedSet(
    own.flatMap((principal) => {
      const slash = principal.indexOf("/");
      if (principal.slice(0, slash) !== trustDomain) return [principal];
      return context.trustDomains.map((domain) => domain + principal.slice(slash));
    }),
  );
}
