import { parseBlock } from "../decide/address.ts";
import { namespaceOfPath, splitSpiffeId } from "../decide/key.ts";
import type { Subjects } from "../decide/rule.ts";
import type { Rule } from "../model/types.ts";

/**
 * True when every connection that `inner` matches, `outer` matches too. It may miss cases (addresses that only several
 * blocks together hold), and never claims one that is not so.
 */
export function covers(outer: Rule, inner: Rule): boolean {
  return (
    outer.service === inner.service &&
    inner.via.every((via) => outer.via.includes(via)) &&
    inner.ports.every((port) => outer.ports.includes(port)) &&
    coversWhen(outer.when, inner.when) &&
    coversSubjects(outer.subjects, inner.subjects)
  );
}

function coversSubjects(outer: Subjects, inner: Subjects): boolean {
  const within = <T>(list: readonly T[], all: readonly T[]) => list.every((item) => all.includes(item));
  const namespaces = new Set(
    outer.namespaces.map(({ trustDomain, namespace }) => `${trustDomain}/${namespace}`),
  );
  const workloads = new Set(outer.workloads);
  return (
    inner.workloads.every((id) => workloads.has(id) || namespaces.has(namespaceOf(id))) &&
    inner.namespaces.every(({ trustDomain, namespace }) => namespaces.has(`${trustDomain}/${namespace}`)) &&
    inner.cidrs.every((cidr) => outer.cidrs.some((other) => blockWithin(cidr, other))) &&
    within(inner.users, outer.users) &&
    within(inner.idpGroups, outer.idpGroups) &&
    within(inner.awsRoles, outer.awsRoles) &&
    within(inner.agents, outer.agents)
  );
}

/** `trust-domain/namespace` of a SPIFFE ID. */
export function namespaceOf(id: string): string {
  const parts = splitSpiffeId(id);
  return `${parts?.trustDomain}/${namespaceOfPath(parts?.path ?? "")}`;
}

function blockWithin(inner: string, outer: string): boolean {
  const [a, b] = [parseBlock(inner), parseBlock(outer)];
  return (
    a !== undefined && b !== undefined && typeof a.low === typeof b.low && b.low <= a.low && a.high <= b.high
  );
}

function coversWhen(outer: Rule["when"], inner: Rule["when"]): boolean {
  const start = (when: Rule["when"]) =>
    when.notBefore === undefined ? Number.NEGATIVE_INFINITY : Date.parse(when.notBefore);
  const end = (when: Rule["when"]) =>
    when.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(when.expires);
  return (
    start(outer) <= start(inner) &&
    end(inner) <= end(outer) &&
    (outer.sourceCidrs === undefined ||
      (inner.sourceCidrs?.every((cidr) => outer.sourceCidrs?.some((other) => blockWithin(cidr, other))) ??
        false)) &&
    (outer.sni === undefined || (inner.sni?.every((name) => outer.sni?.includes(name)) ?? false))
  );
}
