import type { Sourced } from "../load/source.ts";
import { didYouMean } from "../load/suggest.ts";
import { sortedSet } from "./canonical.ts";
import type { Report } from "./report.ts";
import type { Group } from "./types.ts";

type Members = Sourced<"Group">["document"]["spec"]["members"];
const LISTS = ["idpGroups", "users", "awsRoles", "workloads", "agents"] as const;
type Leaves = Record<(typeof LISTS)[number], Set<string>>;

/**
 * Resolves membership, nested groups included. `joined` holds, by group name, the workloads that name the group
 * themselves. A cycle is an error (PR302); its groups then have the members outside the cycle.
 */
export function resolveGroups(
  sources: ReadonlyMap<string, Sourced<"Group">>,
  joined: ReadonlyMap<string, readonly string[]>,
  report: Report,
): Map<string, Group> {
  const resolved = new Map<string, Leaves>();
  const inProgress: string[] = [];

  const resolve = (name: string): Leaves => {
    const done = resolved.get(name);
    if (done) return done;
    const leaves: Leaves = {
      idpGroups: new Set(),
      users: new Set(),
      awsRoles: new Set(),
      workloads: new Set(joined.get(name)),
      agents: new Set(),
    };
    const source = sources.get(name);
    if (!source) return leaves;
    inProgress.push(name);
    const members: Members = source.document.spec.members;
    for (const list of LISTS) for (const member of members[list]) leaves[list].add(member);
    for (const [index, inner] of members.groups.entries()) {
      const path = ["spec", "members", "groups", index];
      if (!sources.has(inner)) {
        const hint = didYouMean(inner, sources.keys());
        report.error("PR111", source, path, `unknown Group "${inner}"${hint}`, "name a Group that exists");
        continue;
      }
      const start = inProgress.indexOf(inner);
      if (start >= 0) {
        const cycle = [...inProgress.slice(start), inner].join(" → ");
        report.error(
          "PR302",
          source,
          path,
          `groups contain each other: ${cycle}`,
          "remove one of these memberships",
        );
        continue;
      }
      const innerLeaves = resolve(inner);
      for (const list of LISTS) for (const member of innerLeaves[list]) leaves[list].add(member);
    }
    inProgress.pop();
    resolved.set(name, leaves);
    return leaves;
  };

  const groups = new Map<string, Group>();
  for (const [name, source] of sources) {
    const leaves = resolve(name);
    groups.set(name, {
      name,
      owner: source.document.spec.owner,
      idpGroups: sortedSet(leaves.idpGroups),
      users: sortedSet(leaves.users),
      awsRoles: sortedSet(leaves.awsRoles),
      workloads: sortedSet(leaves.workloads),
      agents: sortedSet(leaves.agents),
      position: source.position,
    });
  }
  return groups;
}
