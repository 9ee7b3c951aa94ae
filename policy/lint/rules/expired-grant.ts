import type { Breach, LintRule } from "../rule.ts";

/** PR430. */
export const expiredGrant: LintRule = {
  id: "PR430",
  title: "Expired grant",
  severity: "warning",
  waivable: true,
  why: "An expired allow grants nothing and reads as if it did; an expired deny no longer protects what it names.",
  fix: "remove the grant, or renew `when.expires`",
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
spec: { from: { workloads: [shop/api] }, to: { service: db }, when: { expires: "2025-12-31" }, owner: shop }
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
spec: { from: { workloads: [shop/api] }, to: { service: db }, when: { expires: "2026-12-31" }, owner: shop }
`,
  *check({ model, now }): Iterable<Breach> {
    for (const { name, spec } of model.grants.values()) {
      const expires = spec.when?.expires;
      if (expires === undefined || Date.parse(expires) > now) continue;
      yield {
        object: `Grant/${name}`,
        path: ["spec", "when", "expires"],
        message: `${spec.action} ${name} expired on ${expires}`,
      };
    }
  },
};
