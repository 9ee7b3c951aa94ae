import type { Severity } from "../../finding.ts";
import type { Path } from "../../load/source.ts";
import type { Breach, LintRule, ObjectId } from "../rule.ts";

/** Prefix lengths below which a block is too wide. IPv4: more than 65,536 addresses, and more than 10.0.0.0/8, the largest private block. */
const IPV4 = { warning: 16, error: 8 };
/** IPv6: more than one site (RFC 6177), and more than what one registry gives a provider. */
const IPV6 = { warning: 48, error: 32 };

/** PR222. */
export const wideCidr: LintRule = {
  id: "PR222",
  title: "Wide address block",
  severity: "warning",
  waivable: true,
  why: "An address is not an identity: whoever gets an address of the block gets the access. Warned of from IPv4 blocks wider than /16 and IPv6 blocks wider than /48; an error when wider than /8 or /32, which no private network is, and for 0.0.0.0/0 and ::/0.",
  fix: "grant workloads, namespaces or groups instead, or name the subnets",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: tcp, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: office }
spec: { from: { cidrs: [0.0.0.0/0] }, to: { service: db }, owner: net }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: tcp, hosts: [db.example.com], ports: [5432], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: office }
spec: { from: { cidrs: [10.20.0.0/16] }, to: { service: db }, owner: net }
`,
  *check({ model }): Iterable<Breach> {
    for (const { name, spec } of model.grants.values()) {
      // A deny may be as wide as it likes; and a condition only narrows who was named by identity.
      if (spec.action === "deny") continue;
      yield* wide(`Grant/${name}`, ["spec", "from", "cidrs"], spec.from.cidrs, `${name} lets in`);
    }
    for (const [index, { apiServerCidrs, name }] of model.trust.spec.clusters.entries()) {
      const path = ["spec", "clusters", index, "apiServerCidrs"];
      yield* wide(
        `Trust/${model.trust.name}`,
        path,
        apiServerCidrs,
        `workloads of ${name} may reach, as API server,`,
      );
    }
  },
};

function* wide(object: ObjectId, path: Path, cidrs: readonly string[], what: string): Iterable<Breach> {
  for (const [index, cidr] of cidrs.entries()) {
    const severity = wideness(cidr);
    if (!severity) continue;
    yield { object, path: [...path, index], severity, message: `${what} the wide address block ${cidr}` };
  }
}

/** How bad it is to let in a block of this width; undefined when it is narrow enough. */
export function wideness(cidr: string): Severity | undefined {
  const bits = Number(cidr.slice(cidr.indexOf("/") + 1));
  const limits = cidr.includes(":") ? IPV6 : IPV4;
  if (bits < limits.error) return "error";
  return bits < limits.warning ? "warning" : undefined;
}
