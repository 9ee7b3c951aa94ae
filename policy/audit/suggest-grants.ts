import { type Connection, decide } from "../decide/index.ts";
import { joinName } from "../model/names.ts";
import type { Group, Model } from "../model/types.ts";
import type { Observed } from "./observed.ts";

/** A grant that would let in what was denied. */
export interface SuggestedGrant {
  readonly name: string;
  /** Observed connections that it is for. */
  readonly connections: readonly Connection[];
  /** As it is written in YAML. */
  readonly document: object;
}

interface Need {
  readonly list: "workloads" | "groups" | "agents";
  readonly name: string;
}

/**
 * The fewest grants that would have allowed what was denied for want of one. A denied attempt is no reason to allow it: these
 * are for a reviewer. Nothing is suggested for what a deny refuses, for peers that the policies do not know, and for a person
 * that is of no group.
 */
export function suggestGrants(model: Model, observed: readonly Observed[]): SuggestedGrant[] {
  const byNeed = new Map<
    string,
    { need: Need; service: string; ports: Set<number>; connections: Connection[] }
  >();
  for (const { connection, verdict, last } of observed) {
    if (verdict === "allow") continue;
    const { reason } = decide(model.table, connection, last);
    if (!reason.startsWith("no-grant-for-")) continue;
    const needs = needsOf(model, connection, reason);
    // A chain may need a grant for each link; more than one is a decision, not a suggestion.
    if (needs.length !== 1) continue;
    for (const need of needs) {
      const key = `${need.list} ${need.name} ${connection.service}`;
      const known = byNeed.get(key) ?? {
        need,
        service: connection.service,
        ports: new Set(),
        connections: [],
      };
      byNeed.set(key, known);
      known.ports.add(connection.port);
      known.connections.push(connection);
    }
  }
  return [...byNeed.values()].map(({ need, service, ports, connections }) => {
    const name = nameFor(model, need.name, service);
    const spec = {
      from: { [need.list]: [need.name] },
      to: { service, ports: [...ports].sort((a, b) => a - b) },
    };
    const document = { apiVersion: "portreeve.dev/v1", kind: "Grant", metadata: { name }, spec };
    return { name, connections, document };
  });
}

function needsOf(model: Model, { principal }: Connection, reason: string): Need[] {
  const { workload, person, agent } = principal;
  const alone = [workload, person, agent].filter((link) => link !== undefined).length === 1;
  if (!alone) return [];
  switch (reason) {
    case "no-grant-for-workload": {
      const known = [...model.workloads.values()].find(({ spiffeId }) => spiffeId === workload);
      return known ? [{ list: "workloads", name: known.id }] : [];
    }
    case "no-grant-for-person": {
      const names = new Set([person?.user, person?.awsRole, ...(person?.groups ?? [])]);
      const groups = [...model.groups.values()].filter(({ users, idpGroups, awsRoles }) =>
        [...users, ...idpGroups, ...awsRoles].some((one) => names.has(one)),
      );
      const [smallest] = groups.sort((a, b) => sizeOf(a) - sizeOf(b));
      return smallest ? [{ list: "groups", name: smallest.name }] : [];
    }
    case "no-grant-for-agent":
      return agent === undefined ? [] : [{ list: "agents", name: agent }];
    default:
      return [];
  }
}

function sizeOf({ users, idpGroups, awsRoles, workloads, agents }: Group): number {
  return users.length + idpGroups.length * 100 + awsRoles.length + workloads.length + agents.length;
}

function nameFor(model: Model, who: string, service: string): string {
  const base = joinName([who.replace(/[^a-z0-9]+/gi, "-").toLowerCase(), service]);
  let name = base;
  for (let count = 2; model.grants.has(name); count++) name = joinName([base, String(count)]);
  return name;
}
