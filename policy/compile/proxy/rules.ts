import { compareText } from "../../finding.ts";
import { sortedSet } from "../../model/canonical.ts";
import type { Rule } from "../../model/types.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyDuration, proxyInstant, proxyOrigin } from "./scalar.ts";

type ConfigRule = ProxyConfigInput["rules"][number];

/**
 * The rules that the proxy judges by, in the model's order.
 *
 * @param loginUsers see `loginUsersOf`
 */
export function proxyRules(
  rules: readonly Rule[],
  loginUsers: (rule: Rule) => readonly string[] | undefined,
): ConfigRule[] {
  return rules.map((rule) => {
    const { when, limits, origin } = rule;
    const users = loginUsers(rule);
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
      ...(users && { loginUsers: [...users] }),
      ...(limits && { limits: configLimits(limits) }),
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

/** A grant bounds each of its principals, and so does the rule. */
function configLimits(limits: NonNullable<Rule["limits"]>): NonNullable<ConfigRule["limits"]> {
  const { maxConnections, connectionsPerMinute, maxBytes, maxConnectionDuration } = limits;
  return {
    ...(maxConnections !== undefined && { maxConnectionsPerPrincipal: maxConnections }),
    ...(connectionsPerMinute !== undefined && { connectionsPerMinutePerPrincipal: connectionsPerMinute }),
    ...(maxConnectionDuration !== undefined && { maxDuration: proxyDuration(maxConnectionDuration) }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
}
