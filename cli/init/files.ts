import { stringify } from "yaml";
import type { Answers } from "./answers.ts";

/** The starter's files, by name. Comments say what to change next; values that YAML would misread are in quotes. */
export function starterFiles(answers: Answers): Map<string, string> {
  return new Map([
    ["trust.yaml", trust(answers)],
    ["services.yaml", services(answers)],
    ["workloads.yaml", workloads(answers)],
    ["grants.yaml", grants(answers)],
    ["access.test.yaml", tests(answers)],
  ]);
}

const v = (text: string): string => stringify(text).trimEnd();

function trust({ trustDomain, cluster, dataPlane, istioVersion }: Answers): string {
  // ztunnel hands out no addresses for external services by itself in a way that keeps two of them apart.
  const addressing =
    dataPlane === "ambient"
      ? `
      # A virtual address for each external service, out of a block that nothing else uses.
      addressing: { mode: vips, range: 240.240.0.0/16 }`
      : "";
  return `# The estate's one definition of trust. Reference: node_modules/portreeve/docs/reference/trust.md
apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  # As in Istio's meshConfig.trustDomain: identities are spiffe://${trustDomain}/ns/NAMESPACE/sa/ACCOUNT.
  trustDomain: ${v(trustDomain)}
  clusters:
    - name: ${v(cluster)}
      dataPlane: ${dataPlane}
      istioVersion: ${JSON.stringify(istioVersion)}${addressing}
  # For people and agents, name the identity provider whose tokens the proxy accepts:
  # identityProviders:
  #   oidc:
  #     - { name: okta, issuer: "https://example.okta.com", audiences: [portreeve] }
`;
}

function services({ service, host, protocol, port }: Answers): string {
  return `# TCP destinations. Nobody may reach one without a grant. Reference: node_modules/portreeve/docs/reference/service.md
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: ${v(service)} }
spec:
  protocol: ${protocol}
  hosts: [${v(host)}]
  ports: [${port}]
  # Outside of the mesh; Portreeve's proxy enforces who may connect.
  location: { type: external }
`;
}

function workloads({ workload }: Answers): string {
  const [namespace = "", account = ""] = workload.split("/");
  return `# Who connects: a namespace and service account. Reference: node_modules/portreeve/docs/reference/workload.md
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: ${v(account)}, namespace: ${v(namespace)} }
spec:
  # Labels of its pods: with them it gets a Sidecar scope and a NetworkPolicy of its own.
  selector: { app: ${v(account)} }
  groups: [backend]
---
# Grants name groups, so that a new workload needs no new grant.
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: backend }
spec:
  members: {}
`;
}

function grants({ service, owner }: Answers): string {
  return `# Who may reach what. Everything else is denied, and a deny wins. Reference: node_modules/portreeve/docs/reference/grant.md
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: ${v(grantName(service))} }
spec:
  from: { groups: [backend] }
  to: { service: ${v(service)} }
  owner: ${v(owner)}
`;
}

function tests({ service, port, workload }: Answers): string {
  return `# What has to stay true: portreeve test asks it. Add who must not get in, as expect: deny.
- { from: ${v(workload)}, to: ${JSON.stringify(`${service}:${port}`)}, expect: allow, by: ${v(grantName(service))} }
`;
}

function grantName(service: string): string {
  return `backend-${service}`.slice(0, 63).replace(/-+$/, "");
}
