import type { Breach, LintRule } from "../rule.ts";

/** PR255. */
export const catchAllResolution: LintRule = {
  id: "PR255",
  title: "`resolution: none` without addresses",
  severity: "error",
  waivable: false,
  why: "Without an address of its own and without resolution, Istio listens on 0.0.0.0 for the port and forwards to whatever address the client chose: a grant of one service opens the port to every host.",
  fix: "list the service's `addresses`, or use `resolution: dns`",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: legacy }
spec:
  protocol: tcp
  hosts: [legacy.example.com]
  ports: [9000]
  resolution: none
  location: { type: external, egress: gateway }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: legacy }
spec:
  protocol: tcp
  hosts: [legacy.example.com]
  ports: [9000]
  resolution: none
  addresses: [198.51.100.7]
  location: { type: external, egress: gateway }
`,
  *check({ model }): Iterable<Breach> {
    for (const { name, spec } of model.services.values()) {
      if (spec.location.type !== "external" || spec.resolution !== "none" || spec.addresses.length > 0)
        continue;
      yield {
        object: `Service/${name}`,
        path: ["spec", "resolution"],
        message: `${name} forwards to any address a client chooses`,
      };
    }
  },
};
