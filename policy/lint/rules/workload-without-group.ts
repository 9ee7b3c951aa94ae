import type { Breach, LintRule } from "../rule.ts";

/** PR301. */
export const workloadWithoutGroup: LintRule = {
  id: "PR301",
  title: "Workload without a group",
  severity: "warning",
  waivable: true,
  why: "A workload that belongs to no group is granted access one by one, and is missed when access is given or taken away by team.",
  fix: "name its groups in the Workload's `groups`, or name it in a Group's members",
  bad: `apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: {}
`,
  good: `apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: { groups: [backend] }
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: backend }
spec: { members: {} }
`,
  *check({ model }): Iterable<Breach> {
    const mapped = new Set([...model.groups.values()].flatMap((group) => group.workloads));
    for (const { id } of model.workloads.values()) {
      if (!mapped.has(id)) yield { object: `Workload/${id}`, message: `${id} belongs to no group` };
    }
  },
};
