import type { Breach, LintRule } from "../rule.ts";
import { sharedPods } from "../shared-pods.ts";

/** PR520. */
export const bypassedPort: LintRule = {
  id: "PR520",
  title: "Mesh and bypass on one port",
  severity: "error",
  waivable: true,
  why: "Two Services stand for the same pods and port and disagree on TLS. PeerAuthentication is set for a port of pods, so the laxer one decides for both: clients without a certificate reach the service that demands one.",
  fix: "give both the same `tls.mode`, or the plaintext one a port of its own",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api }
spec: { protocol: tcp, ports: [9000], location: { type: mesh, namespace: shop, selector: { app: api } } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api-legacy }
spec:
  protocol: tcp
  ports: [{ port: 80, targetPort: 9000 }]
  location: { type: mesh, namespace: shop, selector: { app: api, tier: edge } }
  tls: { mode: none }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api }
spec: { protocol: tcp, ports: [9000], location: { type: mesh, namespace: shop, selector: { app: api } } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: api-legacy }
spec:
  protocol: tcp
  ports: [{ port: 80, targetPort: 9001 }]
  location: { type: mesh, namespace: shop, selector: { app: api, tier: edge } }
  tls: { mode: none }
`,
  *check({ model }): Iterable<Breach> {
    for (const { outer, inner, targetPort } of sharedPods(model)) {
      const [a, b] = [outer.spec.tls.mode === "none", inner.spec.tls.mode === "none"];
      if (a === b) continue;
      const [lax, strict] = a ? [outer, inner] : [inner, outer];
      yield {
        object: `Service/${lax.name}`,
        path: ["spec", "tls", "mode"],
        message: `${lax.name} accepts plaintext on port ${targetPort} of pods that ${strict.name} demands certificates for`,
      };
    }
  },
};
