import { compareText, type Finding } from "../../finding.ts";
import { sortedSet } from "../../model/canonical.ts";
import type { Rule } from "../../model/types.ts";
import { findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyDuration, proxyInstant, proxyOrigin } from "./scalar.ts";

type ConfigRule = ProxyConfigInput["rules"][number];

/** The rules that the proxy judges by, in the model's order. */
export function proxyRules(rules: readonly Rule[], findings: Finding[]): ConfigRule[] {
  return rules.map((rule) => {
    const { when, limits, origin } = rule;
    return {
      id: rule.id,
      action: rule.action,
      service: rule.service,
      ports: [...rule.ports],
      subjects: configSubjects(rule),
      when: {
        ...(when.notBefore !== undefined && { notBefore: proxyInstant(when.notBefore) }),
        ...(when.expires !== undefined && { expires: proxyInstant(when.expires) }),
        ...(when.sourceCidrs && { sourceCidrs: [...when.sourceCidrs] }),
        ...(when.sni && { sni: [...when.sni] }),
      },
      ...(limits && { limits: configLimits(rule, findings) }),
      ...(origin && { origin: proxyOrigin(origin) }),
    };
  });
}

/** Lists that name nobody are left out: a large estate's configuration is mostly rules. */
function configSubjects(rule: Rule): ConfigRule["subjects"] {
  const { subjects } = rule;
  return {
    ...(subjects.workloads.length > 0 && { workloads: sortedSet(subjects.workloads) }),
    ...(subjects.namespaces.length > 0 && {
      namespaces: [...subjects.namespaces].sort((a, b) => compareText(a.namespace, b.namespace)),
    }),
    ...(subjects.cidrs.length > 0 && { cidrs: sortedSet(subjects.cidrs) }),
    ...(subjects.users.length > 0 && { users: sortedSet(subjects.users) }),
    ...(subjects.idpGroups.length > 0 && { idpGroups: sortedSet(subjects.idpGroups) }),
    ...(subjects.awsRoles.length > 0 && { awsRoles: sortedSet(subjects.awsRoles) }),
    ...(subjects.agents.length > 0 && { agents: sortedSet(subjects.agents) }),
  };
}

/**
 * A grant bounds each of its principals; the proxy's rule counts all of them together. With one principal that is the same.
 */
function configLimits(rule: Rule, findings: Finding[]): NonNullable<ConfigRule["limits"]> {
  const { maxConnections, connectionsPerMinute, maxBytes, maxConnectionDuration } = rule.limits ?? {};
  const blamed = { kind: "Grant", id: rule.id, position: rule.origin } as const;
  if (maxConnections !== undefined && !namesOnePrincipal(rule)) {
    findings.push(
      findingAt(
        "PR420",
        "warning",
        blamed,
        `\`limits.maxConnections\` of ${rule.id} is meant for each principal, and the proxy counts all principals of a grant together`,
        "make a grant for each principal, or choose the bound for all of them",
      ),
    );
  }
  if (connectionsPerMinute !== undefined) {
    findings.push(
      findingAt(
        "PR421",
        "error",
        blamed,
        `\`limits.connectionsPerMinute\` of ${rule.id} cannot be enforced: the proxy bounds the rate of agents only`,
        "state it in the Agent's `limits`, or use `maxConnections`",
      ),
    );
  }
  return {
    ...(maxConnections !== undefined && { maxConnections }),
    ...(maxConnectionDuration !== undefined && { maxDuration: proxyDuration(maxConnectionDuration) }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
}

function namesOnePrincipal({ subjects }: Rule): boolean {
  const many = subjects.namespaces.length + subjects.cidrs.length + subjects.idpGroups.length;
  const one =
    subjects.workloads.length + subjects.users.length + subjects.awsRoles.length + subjects.agents.length;
  return many === 0 && one === 1;
}
