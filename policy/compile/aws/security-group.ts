import { createHash } from "node:crypto";
import { compareText } from "../../finding.ts";
import { sortedSet } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import type { Service } from "../../model/types.ts";
import { ref, refNames } from "../../schema/index.ts";
import { findingAt } from "../report.ts";
import type { Target } from "../target.ts";
import { awsTarget, type Context } from "./context.ts";
import { openGrants } from "./holders.ts";
import type { Ec2SecurityGroupIngressRule } from "./objects.ts";

/** EC2's default limit of rules a security group and direction. */
export const MAX_RULES_PER_GROUP = 60;
const MAX_DESCRIPTION = 255;

/**
 * One rule for each port of each service that has a security group: from the nodes' group, where both the proxy and the
 * workloads are, and never from an address block. Services that share a group and a port share the rule, because EC2
 * refuses a second one.
 *
 * With one object a grant, a service's rule does not wait for a grant: two grants would make the same rule twice.
 */
export function securityGroupRules(context: Context): Target<Ec2SecurityGroupIngressRule>[] {
  const source = context.cluster.eks?.nodeSecurityGroup;
  const byRule = new Map<string, { group: string; port: number; services: Service[]; grants: string[] }>();
  for (const service of context.model.services.values()) {
    const group = service.spec.aws?.securityGroup;
    if (group === undefined || !service.clusters.includes(context.cluster.name)) continue;
    const grants = openGrants(context, service);
    if (grants.length === 0 && context.grouping === "service") continue;
    if (source === undefined) {
      context.findings.push(
        findingAt(
          "PR604",
          "error",
          { kind: "Service", id: service.name, position: service.position },
          `${service.name} has a security group, and the group that connections come from is not known for cluster ${context.cluster.name}`,
          "set `eks.nodeSecurityGroup` of the cluster in Trust, or remove `aws.securityGroup` and make the rule yourself",
        ),
      );
      continue;
    }
    for (const { targetPort } of service.ports) {
      const name = `${keyPart(group)}/${keyPart(source)}/${targetPort}`;
      const entry = byRule.get(name) ?? { group, port: targetPort, services: [], grants: [] };
      entry.services.push(service);
      entry.grants.push(...grants);
      byRule.set(name, entry);
    }
  }
  if (source === undefined) return [];
  tellFullGroups(context, [...byRule.values()]);
  return [...byRule]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, { group, port, services, grants }]) => {
      const names = services.map((service) => service.name);
      const causes = [
        ...names.map((service) => `Service/${service}`),
        ...grants.map((grant) => `Grant/${grant}`),
      ];
      return awsTarget("TcpService", names[0] ?? "", causes, name, {
        type: "ec2.SecurityGroupIngressRule",
        securityGroupId: group,
        referencedSecurityGroupId: source,
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
        description: description(names, port, context.grouping === "service" ? sortedSet(grants) : []),
      });
    });
}

/** A group's id, or the name of the reference that stands for it; two different texts never become one. */
function keyPart(text: string): string {
  const [name] = refNames(text);
  if (name !== undefined && text === ref(name)) return `ref.${name}`;
  return /^[A-Za-z0-9_-]+$/.test(text)
    ? text
    : joinName([text.replace(/[^A-Za-z0-9_-]+/g, "_"), shortHash(text)]);
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** What EC2 takes in a description, and as many grants as fit. */
function description(services: readonly string[], port: number, grants: readonly string[]): string {
  const head = `portreeve ${services.join(", ")}:${port}`;
  const whole = grants.length === 0 ? head : `${head} by ${grants.join(", ")}`;
  return whole.length <= MAX_DESCRIPTION ? whole : `${whole.slice(0, MAX_DESCRIPTION - 4)} ...`;
}

function tellFullGroups(
  context: Context,
  rules: readonly { readonly group: string; readonly services: readonly Service[] }[],
): void {
  for (const [group, of] of Map.groupBy(rules, (rule) => rule.group)) {
    if (of.length <= MAX_RULES_PER_GROUP) continue;
    const service = of[0]?.services[0];
    context.findings.push(
      findingAt(
        "PR605",
        "error",
        { kind: "Service", id: service?.name ?? "", position: service?.position },
        `security group ${group} would get ${of.length} rules; EC2 takes ${MAX_RULES_PER_GROUP} a group and direction by default`,
        "give the services security groups of their own, or have the quota raised; a prefix list does not help, since these rules differ in port and not in source",
      ),
    );
  }
}
