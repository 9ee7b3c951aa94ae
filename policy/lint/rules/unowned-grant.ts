import type { Breach, LintRule } from "../rule.ts";

/** PR431. */
export const unownedGrant: LintRule = {
  id: "PR431",
  title: "Grant without an owner",
  severity: "warning",
  waivable: true,
  why: "Nobody can be asked whether access is still needed, so it stays.",
  fix: "name the team or person in `owner`",
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
kind: Grant
metadata: { name: api-db }
spec: { from: { workloads: [shop/api] }, to: { service: db } }
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
kind: Grant
metadata: { name: api-db }
spec: { from: { workloads: [shop/api] }, to: { service: db }, owner: shop }
`,
  *check({ model }): Iterable<Breach> {
    for (const { name, spec } of model.grants.values()) {
      if (spec.owner === undefined) yield { object: `Grant/${name}`, message: `${name} has no owner` };
    }
  },
};
