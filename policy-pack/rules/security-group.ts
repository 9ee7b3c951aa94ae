import { fields, list, resource as made, type Resource, texts } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

/** One thing that a security group lets in. */
export interface Ingress {
  readonly cidrs: readonly string[];
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
}

/** What a resource lets in, in any of the three ways in which the AWS provider writes it. */
export function ingress({ type, props }: Resource): Ingress[] {
  switch (type) {
    case "aws:ec2/securityGroup:SecurityGroup":
    case "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":
      return list(props.ingress).map((rule) => read(fields(rule)));
    case "aws:ec2/securityGroupRule:SecurityGroupRule":
      return props.type === "ingress" ? [read(props)] : [];
    case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
      return [read(props)];
    default:
      return [];
  }
}

function read(rule: ReturnType<typeof fields>): Ingress {
  return {
    cidrs: ["cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6"].flatMap((key) => texts(rule[key])),
    protocol: String(rule.protocol ?? rule.ipProtocol ?? ""),
    fromPort: Number(rule.fromPort ?? -1),
    toPort: Number(rule.toPort ?? -1),
  };
}

const group = (rule: Record<string, unknown>) =>
  made("aws:ec2/securityGroup:SecurityGroup", "db", { ingress: [rule] });

/** PR622. */
export const everyPort: ResourceRule = {
  id: "PR622",
  over: "resource",
  severities: ["warning"],
  remediation: "Name the port of the service: `fromPort` and `toPort`.",
  bad: [
    [group({ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["10.20.0.0/16"] })],
    [group({ protocol: "tcp", fromPort: 0, toPort: 65535, securityGroups: ["sg-0123456789abcdef0"] })],
  ],
  good: [[group({ protocol: "tcp", fromPort: 5432, toPort: 5432, cidrBlocks: ["10.20.0.0/16"] })]],
  *check(resource): Iterable<StackBreach> {
    for (const { protocol, fromPort, toPort } of ingress(resource)) {
      const all = protocol === "-1" || protocol === "all" || (fromPort <= 1 && toPort === 65535);
      if (all) yield { message: `security group rule of ${resource.name} opens every port` };
    }
  },
};
