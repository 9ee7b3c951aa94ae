/** Policies of a small estate, and the proxy that is configured by what is compiled from them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileProxy } from "../../policy/compile/proxy/compile.ts";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";
import { loadModel } from "../../policy/load/index.ts";
import { AUDIENCE } from "./provider.ts";

export interface Estate {
  /** The folder of its policies. */
  readonly policies: string;
  /** What the policies say now, as the proxy reads it. */
  parts(): Pick<ProxyConfigInput, "policy" | "services" | "rules" | "agents" | "identityProviders">;
}

/** The commit that the records name. */
export const COMMIT = "0123abc";

/** Databases that run on loopback stand where an estate has others. */
export function estateIn(
  dir: string,
  issuer: string,
  ports: { readonly postgres: number; readonly redis: number; readonly mysql: number },
  agent: string,
): Estate {
  const policies = join(dir, "policies");
  mkdirSync(policies, { recursive: true });
  const external = (name: string, protocol: string, port: number, targetPort: number): string => `
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: ${name} }
spec:
  owner: team-${name}
  protocol: ${protocol}
  hosts: [${name}.example.com]
  ports: [{ port: ${port}, targetPort: ${targetPort} }]
  location: { type: external }
  resolution: static
  endpoints: [127.0.0.1]
  tls: { mode: none }
---`;
  writeFileSync(
    join(policies, "estate.yaml"),
    `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: test.org
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders:
    oidc: [{ name: okta, issuer: "${issuer}", audiences: [${AUDIENCE}] }]
---${external("orders-db", "postgres", 5432, ports.postgres)}${external("cache", "redis", 6379, ports.redis)}${external("legacy-db", "mysql", 3306, ports.mysql)}
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: dba }
spec: { members: { idpGroups: ["okta:dba"] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: dba-orders }
spec: { from: { groups: [dba] }, to: { service: orders-db }, owner: team-orders-db }
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: operators }
spec: { members: { idpGroups: ["okta:operators"] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: operators-cache }
spec: { from: { groups: [operators] }, to: { service: cache }, owner: team-cache }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: operators-legacy }
spec: { from: { groups: [operators] }, to: { service: legacy-db }, owner: team-legacy-db }
---
apiVersion: portreeve.dev/v1
kind: Agent
metadata: { name: triage }
spec:
  identity: { type: oidc, subject: "okta:${agent}" }
  onBehalfOf: { type: group, group: dba }
  owner: "okta:alice@example.com"
  expires: 2099-01-01T00:00:00Z
  services: [orders-db]
  limits: { maxConnections: 2 }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: triage-orders }
spec: { from: { agents: [triage] }, to: { service: orders-db }, owner: team-orders-db }
`,
  );
  return {
    policies,
    parts: () => {
      const model = loadModel({ paths: [policies] });
      const [cluster] = model.trust.spec.clusters;
      if (!cluster) throw new Error("the estate has no cluster");
      const { targets, findings } = compileProxy({ model, cluster });
      const errors = findings.filter(({ severity }) => severity === "error");
      const [target] = targets;
      if (!target || errors.length > 0) throw new Error(`not compiled: ${JSON.stringify(errors)}`);
      const { services, rules, agents, identityProviders } = target.object.config;
      return {
        policy: { digest: model.digest, commit: COMMIT },
        services,
        rules,
        ...(agents && { agents }),
        ...(identityProviders && { identityProviders }),
      };
    },
  };
}
