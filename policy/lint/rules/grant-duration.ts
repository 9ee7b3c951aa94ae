import { milliseconds } from "../../schema/index.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR432. */
export const grantDuration: LintRule = {
  id: "PR432",
  title: "Grant for people valid for too long",
  severity: "error",
  waivable: true,
  why: "Trust's `defaults.maxGrantDuration` is the estate's promise that people's and agents' access is looked at again. Checked only when it is set.",
  fix: "set `when.expires` within the limit",
  bad: `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] }
  defaults: { maxGrantDuration: 720h }
---
apiVersion: portreeve.dev/v1
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
metadata: { name: dba }
spec: { members: { idpGroups: ["okta:dba"] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: dba-db }
spec: { from: { groups: [dba] }, to: { service: db }, owner: data }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] }
  defaults: { maxGrantDuration: 720h }
---
apiVersion: portreeve.dev/v1
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
metadata: { name: dba }
spec: { members: { idpGroups: ["okta:dba"] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: dba-db }
spec: { from: { groups: [dba] }, to: { service: db }, when: { expires: "2026-01-20" }, owner: data }
`,
  *check({ model, now }): Iterable<Breach> {
    const max = model.trust.spec.defaults.maxGrantDuration;
    if (max === undefined) return;
    const latest = now + milliseconds(max);
    const told = new Set<string>();
    for (const { id, action, source, subjects, when } of model.rules) {
      if (action === "deny" || source === "admission" || told.has(id)) continue;
      const { users, idpGroups, awsRoles, agents } = subjects;
      const people = users.length + idpGroups.length + awsRoles.length > 0;
      if (!people && agents.length === 0) continue;
      if (when.expires !== undefined && Date.parse(when.expires) <= latest) continue;
      told.add(id);
      const until = when.expires === undefined ? "has no expiry" : `is valid until ${when.expires}`;
      yield {
        object: `Grant/${id}`,
        path: ["spec", "when", "expires"],
        message: `${id} lets ${people ? "people" : "agents"} in and ${until}; the longest allowed is ${max}`,
      };
    }
  },
};
