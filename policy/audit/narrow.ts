import { blockHolds, parseAddress, parseBlock } from "../decide/address.ts";
import { type Connection, decide } from "../decide/index.ts";
import { namespaceOfPath, splitSpiffeId } from "../decide/key.ts";
import { compareText } from "../finding.ts";
import type { Grant, Group, Model } from "../model/types.ts";
import type { GrantSpec } from "../schema/index.ts";
import type { Observed } from "./observed.ts";
import { whyNotRecorded } from "./usage.ts";

type From = GrantSpec["from"];

/** A change of one grant that takes away what nobody used. */
export type Narrowing =
  | { readonly type: "remove"; readonly grant: string }
  | {
      readonly type: "narrow";
      readonly grant: string;
      readonly from: From;
      /** Undefined: all ports of the service, as before. */
      readonly ports: readonly number[] | undefined;
    };

/** A grant that stays as it is, and why. */
export interface Kept {
  readonly grant: string;
  readonly why: string;
}

/** So many single addresses stand in for a range; more is no list that anybody reads. */
const MAX_ADDRESSES = 16;

/**
 * The narrowest form of each grant that still allows every observed connection that it allowed.
 *
 * A grant is left alone where records cannot show all of its use, or where an observed connection can no longer be decided as
 * it was: then what it needs is not known.
 */
export function narrowGrants(
  model: Model,
  observed: readonly Observed[],
): { narrowings: readonly Narrowing[]; kept: readonly Kept[] } {
  const narrowings: Narrowing[] = [];
  const kept: Kept[] = [];
  const allowed = observed.filter(({ verdict }) => verdict === "allow");
  const resting = new Map<string, Observed[]>();
  const doubtful = new Set<string>();
  for (const one of allowed) {
    const verdict = decide(model.table, one.connection, one.last);
    if (verdict.verdict === "deny") for (const rule of one.rules) doubtful.add(rule);
    // Policies may have changed since the record was written: what counts is on what it rests now, too.
    for (const rule of new Set([...one.rules, ...verdict.rules])) {
      const uses = resting.get(rule);
      if (uses) uses.push(one);
      else resting.set(rule, [one]);
    }
  }
  for (const grant of model.grants.values()) {
    if (grant.spec.action === "deny") continue;
    const hidden = whyNotRecorded(model, grant.name);
    if (hidden !== undefined) kept.push({ grant: grant.name, why: hidden });
    else if (doubtful.has(grant.name)) {
      kept.push({
        grant: grant.name,
        why: "it allowed a connection that the present policies would not: they changed since, or the record lacks the person's groups",
      });
    } else {
      const uses = resting.get(grant.name) ?? [];
      if (uses.length === 0) narrowings.push({ type: "remove", grant: grant.name });
      else
        narrowings.push(
          ...narrow(
            model,
            grant,
            uses.map(({ connection }) => connection),
          ),
        );
    }
  }
  return { narrowings, kept };
}

function narrow(model: Model, { name, spec }: Grant, uses: readonly Connection[]): Narrowing[] {
  const from = narrowFrom(model, spec.from, uses);
  const used = [...new Set(uses.map(({ port }) => port))].sort((a, b) => a - b);
  const before = spec.to.ports ?? model.services.get(spec.to.service)?.ports.map(({ port }) => port) ?? [];
  const fewer = used.length < new Set(before).size;
  const ports = fewer ? used : spec.to.ports;
  return fewer || !sameFrom(from, spec.from) ? [{ type: "narrow", grant: name, from, ports }] : [];
}

function sameFrom(a: From, b: From): boolean {
  const keys = ["workloads", "groups", "agents", "namespaces", "cidrs"] as const;
  return keys.every((key) => a[key].length === b[key].length && a[key].every((one) => b[key].includes(one)));
}

/** Which entries somebody used. An entry that names somebody exactly counts before one that names many. */
function narrowFrom(model: Model, from: From, uses: readonly Connection[]): From {
  const keep = {
    workloads: new Set<string>(),
    groups: new Set<string>(),
    agents: new Set<string>(),
    namespaces: new Set<string>(),
    cidrs: new Set<string>(),
  };
  const addresses = new Map<string, Set<string>>();
  const byId = new Map([...model.workloads.values()].map(({ id, spiffeId }) => [spiffeId, id]));
  const strangers = new Set<string>();
  for (const { principal, sourceIp } of uses) {
    const { workload, person, agent } = principal;
    if (agent !== undefined) {
      if (from.agents.includes(agent)) keep.agents.add(agent);
      for (const name of from.groups)
        if (groupHas(model, name, ({ agents }) => agents.includes(agent))) keep.groups.add(name);
    }
    if (person) {
      const names = new Set([person.user, person.awsRole, ...(person.groups ?? [])]);
      for (const name of from.groups) {
        if (
          groupHas(model, name, ({ users, idpGroups, awsRoles }) =>
            [...users, ...idpGroups, ...awsRoles].some((one) => names.has(one)),
          )
        )
          keep.groups.add(name);
      }
    }
    // An agent without an asserted person acts for the one that its policy names, whose grant counts as well.
    const behalf =
      agent === undefined || person ? undefined : model.agents.get(agent)?.decision.onBehalfOfUser;
    if (behalf !== undefined) {
      for (const name of from.groups)
        if (groupHas(model, name, ({ users }) => users.includes(behalf))) keep.groups.add(name);
    }
    if (workload !== undefined) {
      const id = byId.get(canonical(model, workload));
      if (id !== undefined && from.workloads.includes(id)) {
        keep.workloads.add(id);
        continue;
      }
      const groups =
        id === undefined
          ? []
          : from.groups.filter((name) => groupHas(model, name, ({ workloads }) => workloads.includes(id)));
      if (groups.length > 0) {
        for (const name of groups) keep.groups.add(name);
        continue;
      }
      const namespace = namespaceOfPath(splitSpiffeId(workload)?.path ?? "");
      if (namespace !== undefined && from.namespaces.includes(namespace)) {
        // Only a declared Workload can be named alone.
        if (id === undefined) strangers.add(namespace);
        else keep.workloads.add(id);
        continue;
      }
    }
    const cidr = from.cidrs.find((block) => holds(block, sourceIp));
    if (cidr !== undefined && sourceIp !== undefined) {
      const known = addresses.get(cidr) ?? new Set();
      addresses.set(cidr, known.add(sourceIp));
    }
  }
  for (const namespace of strangers) keep.namespaces.add(namespace);
  for (const [cidr, used] of addresses) {
    const single = cidr.endsWith("/32") || cidr.endsWith("/128") || used.size > MAX_ADDRESSES;
    for (const entry of single ? [cidr] : [...used].map(asBlock)) keep.cidrs.add(entry);
  }
  const sorted = (before: readonly string[], after: ReadonlySet<string>): string[] => [
    ...before.filter((one) => after.has(one)),
    ...[...after].filter((one) => !before.includes(one)).sort(compareText),
  ];
  return {
    workloads: sorted(from.workloads, keep.workloads),
    groups: sorted(from.groups, keep.groups),
    agents: sorted(from.agents, keep.agents),
    namespaces: sorted(from.namespaces, keep.namespaces),
    cidrs: sorted(from.cidrs, keep.cidrs),
  };
}

function groupHas(model: Model, name: string, has: (group: Group) => boolean): boolean {
  const group = model.groups.get(name);
  return group !== undefined && has(group);
}

function canonical(model: Model, workload: string): string {
  const { trustDomain, trustDomainAliases } = model.trust.spec;
  const parts = splitSpiffeId(workload);
  return parts && trustDomainAliases.includes(parts.trustDomain)
    ? `spiffe://${trustDomain}${parts.path}`
    : workload;
}

function holds(block: string, address: string | undefined): boolean {
  const parsed = address === undefined ? undefined : parseAddress(address);
  const range = parseBlock(block);
  return parsed !== undefined && range !== undefined && blockHolds(range, parsed);
}

function asBlock(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}
