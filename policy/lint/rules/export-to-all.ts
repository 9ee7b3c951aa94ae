import type { Breach, LintRule } from "../rule.ts";

/** PR223. */
export const exportToAll: LintRule = {
  id: "PR223",
  title: "`exportTo: *`",
  severity: "warning",
  waivable: true,
  why: "A service shown to every namespace takes over its host and port there too, also for namespaces that reach the host another way; a conflicting entry has black-holed whole namespaces (istio#48055). ztunnel ignores `exportTo` altogether (istio#55163).",
  fix: "leave `exportTo` out: it is then exactly the namespaces of the workloads that may reach the service",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external }, exportTo: ["*"] }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external }, exportTo: [shop] }
`,
  *check({ model }): Iterable<Breach> {
    for (const { name, spec } of model.services.values()) {
      const index = spec.exportTo?.indexOf("*") ?? -1;
      if (index < 0) continue;
      yield {
        object: `Service/${name}`,
        path: ["spec", "exportTo", index],
        message: `${name} is shown to every namespace`,
      };
    }
  },
};
