import type { Breach, LintRule } from "../rule.ts";
import { sharedPods } from "../shared-pods.ts";

/** PR451. */
export const sharedPort: LintRule = {
  id: "PR451",
  title: "Two services on one port of the same pods",
  severity: "error",
  waivable: false,
  why: "An AuthorizationPolicy selects pods and a target port, not the name a client used: whoever is granted one of the two services reaches the other as well, and a deny for one denies both.",
  fix: "make it one Service, or give each a target port of its own",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api }
spec: { protocol: tcp, ports: [9000], location: { type: mesh, namespace: shop, selector: { app: api } } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api-internal }
spec: { protocol: tcp, ports: [{ port: 80, targetPort: 9000 }], location: { type: mesh, namespace: shop, selector: { app: api } } }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api }
spec: { protocol: tcp, ports: [9000], location: { type: mesh, namespace: shop, selector: { app: api } } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api-admin }
spec: { protocol: tcp, ports: [9001], location: { type: mesh, namespace: shop, selector: { app: api } } }
`,
  *check({ model }): Iterable<Breach> {
    for (const { outer, inner, targetPort } of sharedPods(model)) {
      yield {
        object: `Service/${inner.name}`,
        path: ["spec", "location", "selector"],
        message: `${inner.name} and ${outer.name} are the same port ${targetPort} of the same pods`,
      };
    }
  },
};
