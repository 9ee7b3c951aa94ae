import { hostCollisions } from "../../plan/collisions.ts";
import type { Breach, LintRule } from "../rule.ts";
import { planned } from "./planned.ts";

/** PR250. */
export const hostCollision: LintRule = {
  id: "PR250",
  title: "One host, two services",
  severity: "error",
  waivable: false,
  why: "Istio keeps one of two entries for a host, and gives it the wrong virtual address or none (istio#55266); conflicting entries can keep pods from starting (istio#29197).",
  fix: "give each host to one Service; a Service may have several ports",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db-admin }
spec: { protocol: tcp, hosts: [DB.example.com.], ports: [5433], location: { type: external } }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432, 5433], location: { type: external } }
`,
  *check({ model }): Iterable<Breach> {
    for (const finding of hostCollisions([...model.services.values()]))
      yield planned(finding, ["spec", "hosts"]);
  },
};
