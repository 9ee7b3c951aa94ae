import { Candidates } from "../candidates.ts";
import { covers } from "../covers.ts";
import type { Breach, LintRule } from "../rule.ts";
import { isOver, rulesByGrant } from "../rule-index.ts";

/** PR434. */
export const shadowedGrant: LintRule = {
  id: "PR434",
  title: "Allow that a deny takes back entirely",
  severity: "warning",
  waivable: true,
  why: "A deny wins over every allow: this allow reads as access and gives none; and when the deny goes, the access appears without anybody having granted it that day.",
  fix: "remove the allow, or narrow the deny",
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
spec: { from: { workloads: [shop/api] }, to: { service: db }, owner: shop }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: no-shop }
spec: { action: deny, from: { namespaces: [shop] }, to: { service: db }, owner: security }
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
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: no-batch }
spec: { action: deny, from: { namespaces: [batch] }, to: { service: db }, owner: security }
`,
  *check({ model, now }): Iterable<Breach> {
    const denies = new Candidates(model, "deny");
    for (const [name, rules] of rulesByGrant(model)) {
      if (model.grants.get(name)?.spec.action !== "allow") continue;
      const found = rules.map((rule) =>
        denies.of(rule).find((deny) => !isOver(deny, now) && covers(deny, rule)),
      );
      if (found.length === 0 || found.includes(undefined)) continue;
      const by = [...new Set(found.map((deny) => deny?.id))].sort().join(", ");
      yield { object: `Grant/${name}`, message: `${name} has no effect: ${by} denies all of it` };
    }
  },
};
