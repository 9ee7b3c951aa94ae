import { milliseconds } from "../../schema/index.ts";
import type { Breach, LintRule } from "../rule.ts";

/** Longest life of an agent where Trust states no `maxGrantDuration`: 90 days, a common review period. */
const DEFAULT_MAX = "2160h";

/** PR303. */
export const agentExpiry: LintRule = {
  id: "PR303",
  title: "Agent expired, or valid for too long",
  severity: "warning",
  waivable: true,
  why: "An agent acts without a person watching. One that lives on unreviewed is access that nobody remembers; one that has expired is policy that grants nothing. The limit is Trust's `defaults.maxGrantDuration`, or 90 days.",
  fix: "set `expires` within the limit and renew it when the agent is reviewed; remove agents that are gone",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Agent
metadata: { name: triage }
spec:
  identity: { type: oidc, subject: "okta:triage" }
  onBehalfOf: { type: user, user: "okta:ann@example.com" }
  owner: support
  expires: "2099-01-01"
  services: [db]
  limits: { maxConnections: 2 }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Agent
metadata: { name: triage }
spec:
  identity: { type: oidc, subject: "okta:triage" }
  onBehalfOf: { type: user, user: "okta:ann@example.com" }
  owner: support
  expires: "2026-02-01"
  services: [db]
  limits: { maxConnections: 2 }
`,
  *check({ model, now }): Iterable<Breach> {
    const max = model.trust.spec.defaults.maxGrantDuration ?? DEFAULT_MAX;
    for (const { name, spec } of model.agents.values()) {
      const left = Date.parse(spec.expires) - now;
      const base = { object: `Agent/${name}`, path: ["spec", "expires"] } as const;
      if (left <= 0) yield { ...base, message: `agent ${name} expired on ${spec.expires}` };
      else if (left > milliseconds(max)) {
        yield {
          ...base,
          message: `agent ${name} is valid until ${spec.expires}, longer than ${max} from now`,
        };
      }
    }
  },
};
