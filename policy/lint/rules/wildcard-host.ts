import type { Breach, LintRule } from "../rule.ts";

/** PR220. */
export const wildcardHost: LintRule = {
  id: "PR220",
  title: "Wildcard host",
  severity: "error",
  waivable: true,
  why: "TCP carries no host name: a wildcard host catches every connection to the port (l4 routing has only the address). Only TLS shows a name, and even then a wildcard over a whole top-level domain is nobody's own.",
  fix: "name the hosts one by one",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: saas }
spec:
  protocol: tcp
  hosts: ["*.example.com"]
  ports: [9000]
  location: { type: external }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: saas }
spec:
  protocol: tcp
  hosts: [api.example.com]
  ports: [9000]
  location: { type: external }
`,
  *check({ model }): Iterable<Breach> {
    for (const service of model.services.values()) {
      for (const [index, host] of service.hosts.entries()) {
        if (!host.startsWith("*.")) continue;
        const topLevel = !host.slice(2).replace(/\.$/, "").includes(".");
        const seesName = service.protocol === "tls" || service.spec.tls.mode === "passthrough";
        yield {
          object: `Service/${service.name}`,
          path: ["spec", "hosts", index],
          message: topLevel
            ? `${service.name} claims all of ${host}`
            : `${service.name} has the wildcard host ${host}`,
          severity: seesName && !topLevel ? "warning" : "error",
        };
      }
    }
  },
};
