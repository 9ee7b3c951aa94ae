import type { Rule } from "../../model/types.ts";
import { Candidates } from "../candidates.ts";
import { covers } from "../covers.ts";
import type { Breach, LintRule } from "../rule.ts";
import { rulesByGrant } from "../rule-index.ts";

/** PR435. */
export const repeatedGrant: LintRule = {
  id: "PR435",
  title: "Allow that another allow already gives",
  severity: "warning",
  waivable: true,
  why: "Taking one of the two away takes nothing away: whoever reviews the removal believes that access ended. Limits of the narrower one are no limits while the wider one lets the same connections through.",
  fix: "keep one of the two",
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
metadata: { name: shop-db }
spec: { from: { namespaces: [shop] }, to: { service: db }, owner: shop }
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
metadata: { name: batch-db }
spec: { from: { namespaces: [batch] }, to: { service: db }, owner: shop }
`,
  *check({ model }): Iterable<Breach> {
    const allows = new Candidates(model, "allow");
    for (const [name, rules] of rulesByGrant(model)) {
      if (model.grants.get(name)?.spec.action !== "allow") continue;
      const found = rules.map((rule) => allows.of(rule).find((other) => repeats(other, rule)));
      if (found.length === 0 || found.includes(undefined)) continue;
      const by = [...new Set(found.map((other) => other?.id))].sort().join(", ");
      yield { object: `Grant/${name}`, message: `${name} gives nothing that ${by} does not give already` };
    }
  },
};

/** Of two grants that say the same, the later by name repeats the earlier one. */
function repeats(other: Rule, rule: Rule): boolean {
  if (other.id === rule.id || other.limits !== undefined || other.audit !== rule.audit) return false;
  if (!covers(other, rule)) return false;
  return other.id < rule.id || rule.limits !== undefined || !covers(rule, other);
}
