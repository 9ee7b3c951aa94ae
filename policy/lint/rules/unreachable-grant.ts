import type { Model, Rule, Service } from "../../model/types.ts";
import type { Breach, LintContext, LintRule } from "../rule.ts";
import { isOver, rulesByGrant } from "../rule-index.ts";

/** PR433. */
export const unreachableGrant: LintRule = {
  id: "PR433",
  title: "Grant that nobody can use",
  severity: "warning",
  waivable: true,
  why: "Whoever wrote it believes that access is granted (or denied) where nothing is: its groups are empty, its agents have expired, or its workloads run in no cluster that has the service.",
  fix: "correct whom the grant names, or remove it",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: {}
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: empty }
spec: { members: {} }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: nobody-db }
spec: { from: { groups: [empty] }, to: { service: db }, owner: shop }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: {}
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: backend }
spec: { members: { workloads: [shop/api] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: backend-db }
spec: { from: { groups: [backend] }, to: { service: db }, owner: shop }
`,
  *check(context: LintContext): Iterable<Breach> {
    const { model, now } = context;
    const byGrant = rulesByGrant(model);
    const clustersOf = new Map(
      [...model.workloads.values()].map(({ spiffeId, clusters }) => [spiffeId, clusters]),
    );
    for (const { name, spec } of model.grants.values()) {
      const base = { object: `Grant/${name}` as const, path: ["spec", "from"] };
      const expires = spec.when?.expires;
      // An expired grant is told as such.
      if (expires !== undefined && Date.parse(expires) <= now) continue;
      const rules = byGrant.get(name) ?? [];
      const service = model.services.get(spec.to.service);
      if (rules.length === 0) yield { ...base, message: `nobody is in the groups of ${name}` };
      else if (rules.every((rule) => isOver(rule, now))) {
        yield { ...base, message: `every agent of ${name} expires before it could use the grant` };
      } else if (service && rules.every((rule) => isElsewhere(rule, service, clustersOf))) {
        const where = service.clusters.join(", ");
        yield {
          ...base,
          message: `no workload of ${name} runs in a cluster that has ${service.name} (${where})`,
        };
      } else yield* missedMembers(model, name, spec.from.groups);
    }
  },
};

/** True for a rule of workloads only, none of which shares a cluster with the service. */
function isElsewhere(
  { subjects }: Rule,
  service: Service,
  clustersOf: ReadonlyMap<string, readonly string[]>,
): boolean {
  const { workloads, ...others } = subjects;
  if (workloads.length === 0 || Object.values(others).some((list) => list.length > 0)) return false;
  return workloads.every((id) => !clustersOf.get(id)?.some((cluster) => service.clusters.includes(cluster)));
}

/** One empty group among others: access that was meant and is not there. */
function* missedMembers(model: Model, name: string, groups: readonly string[]): Iterable<Breach> {
  for (const [index, groupName] of groups.entries()) {
    const group = model.groups.get(groupName);
    if (!group) continue;
    const { idpGroups, users, awsRoles, workloads, agents } = group;
    if (idpGroups.length + users.length + awsRoles.length + workloads.length + agents.length > 0) continue;
    yield {
      object: `Grant/${name}`,
      path: ["spec", "from", "groups", index],
      message: `group ${groupName} of ${name} has no members`,
    };
  }
}
