import type { Breach, LintRule } from "../rule.ts";
import { isOver } from "../rule-index.ts";

/** PR436. */
export const unreachableService: LintRule = {
  id: "PR436",
  title: "Service that nobody may reach",
  severity: "warning",
  waivable: true,
  why: "Default deny holds for every Service: without a grant all its connections are refused, also those that worked before it was defined.",
  fix: "write a Grant to it, or remove the Service",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: {}
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
  *check({ model, now }): Iterable<Breach> {
    const reached = new Set<string>();
    for (const rule of model.rules) {
      if (rule.action === "allow" && rule.source === "grant" && !isOver(rule, now)) reached.add(rule.service);
    }
    for (const { name } of model.services.values()) {
      if (!reached.has(name))
        yield { object: `Service/${name}`, message: `no grant lets anybody reach ${name}` };
    }
  },
};
