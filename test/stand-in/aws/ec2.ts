/** Security groups and their rules, in the emulator. */
import * as ec2 from "@aws-sdk/client-ec2";
import type { Props } from "../provider/values.ts";
import type { Clients } from "./clients.ts";
import { type AwsType, given, ifThere, number, required, tagList, text } from "./type.ts";

const groupOf = async (clients: Clients, id: string): Promise<ec2.SecurityGroup | undefined> =>
  (await ifThere(clients.ec2.send(new ec2.DescribeSecurityGroupsCommand({ GroupIds: [id] }))))
    ?.SecurityGroups?.[0];

/** The rules belong to resources of their own: rules inside the group would fight with them. */
function refuseInlineRules(p: Props): void {
  if (p.ingress !== undefined || p.egress !== undefined) {
    throw new Error(
      "rules inside of a security group are not written: use SecurityGroupIngressRule and …EgressRule",
    );
  }
}

const securityGroup: AwsType = {
  named: "name",
  computed: ["arn", "ownerId"],
  replaceOn: ["name", "description", "vpcId"],
  create: async (clients, p) => {
    refuseInlineRules(p);
    const made = await clients.ec2.send(
      new ec2.CreateSecurityGroupCommand({
        GroupName: required(p, "name"),
        Description: text(p, "description") ?? "Managed by Pulumi",
        ...given({ VpcId: text(p, "vpcId") }),
        ...tagged(clients, p, "security-group"),
      }),
    );
    const id = made.GroupId ?? "";
    const group = await groupOf(clients, id);
    const ownerId = group?.OwnerId ?? "";
    return {
      id,
      outputs: { ...p, ownerId, arn: `arn:aws:ec2:${clients.region}:${ownerId}:security-group/${id}` },
    };
  },
  update: async (clients, id, now) => {
    refuseInlineRules(now);
    const Tags = tagList(clients, now);
    if (Tags.length > 0) await clients.ec2.send(new ec2.CreateTagsCommand({ Resources: [id], Tags }));
    return {};
  },
  read: async (clients, id) => {
    const group = await groupOf(clients, id);
    return group && given({ description: group.Description ?? "" });
  },
  delete: async (clients, id) => {
    await ifThere(clients.ec2.send(new ec2.DeleteSecurityGroupCommand({ GroupId: id })));
  },
};

function tagged(
  clients: Clients,
  p: Props,
  kind: ec2.ResourceType,
): { TagSpecifications?: ec2.TagSpecification[] } {
  const Tags = tagList(clients, p);
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: kind, Tags }] };
}

/** Exactly one peer: an address range, another group or a prefix list. */
function permission(p: Props): ec2.IpPermission {
  const [cidr4, cidr6] = [text(p, "cidrIpv4"), text(p, "cidrIpv6")];
  const [group, list] = [text(p, "referencedSecurityGroupId"), text(p, "prefixListId")];
  const peers = [cidr4, cidr6, group, list].filter((peer) => peer !== undefined);
  if (peers.length !== 1) {
    throw new Error(
      `a security-group rule needs exactly one of cidrIpv4, cidrIpv6, referencedSecurityGroupId, prefixListId; it has ${peers.length}`,
    );
  }
  const about = given({ Description: text(p, "description") });
  return {
    IpProtocol: required(p, "ipProtocol"),
    ...given({ FromPort: number(p, "fromPort"), ToPort: number(p, "toPort") }),
    ...(cidr4 !== undefined && { IpRanges: [{ CidrIp: cidr4, ...about }] }),
    ...(cidr6 !== undefined && { Ipv6Ranges: [{ CidrIpv6: cidr6, ...about }] }),
    ...(group !== undefined && { UserIdGroupPairs: [{ GroupId: group, ...about }] }),
    ...(list !== undefined && { PrefixListIds: [{ PrefixListId: list, ...about }] }),
  };
}

function rule(direction: "ingress" | "egress"): AwsType {
  return {
    computed: ["arn", "securityGroupRuleId"],
    replaceOn: [
      "securityGroupId",
      "cidrIpv4",
      "cidrIpv6",
      "referencedSecurityGroupId",
      "prefixListId",
      "ipProtocol",
      "fromPort",
      "toPort",
      // The emulator cannot change the description of a rule in place; AWS can.
      "description",
    ],
    create: async (clients, p) => {
      const ask = {
        GroupId: required(p, "securityGroupId"),
        IpPermissions: [permission(p)],
        ...tagged(clients, p, "security-group-rule"),
      };
      const { SecurityGroupRules = [] } =
        direction === "ingress"
          ? await clients.ec2.send(new ec2.AuthorizeSecurityGroupIngressCommand(ask))
          : await clients.ec2.send(new ec2.AuthorizeSecurityGroupEgressCommand(ask));
      const made = SecurityGroupRules[0];
      const id = made?.SecurityGroupRuleId;
      if (id === undefined) throw new Error("the emulator named no rule");
      const arn = `arn:aws:ec2:${clients.region}:${made?.GroupOwnerId ?? ""}:security-group-rule/${id}`;
      return { id, outputs: { ...p, arn, securityGroupRuleId: id } };
    },
    update: async (clients, id, now) => {
      const Tags = tagList(clients, now);
      if (Tags.length > 0) await clients.ec2.send(new ec2.CreateTagsCommand({ Resources: [id], Tags }));
      return {};
    },
    read: async (clients, id) => {
      const ask = new ec2.DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [id] });
      const live = (await ifThere(clients.ec2.send(ask)))?.SecurityGroupRules?.find(
        (candidate) => candidate.SecurityGroupRuleId === id,
      );
      return live && {};
    },
    delete: async (clients, id, p) => {
      const ask = { GroupId: required(p, "securityGroupId"), SecurityGroupRuleIds: [id] };
      await ifThere(
        direction === "ingress"
          ? clients.ec2.send(new ec2.RevokeSecurityGroupIngressCommand(ask))
          : clients.ec2.send(new ec2.RevokeSecurityGroupEgressCommand(ask)),
      );
    },
  };
}

export const ec2Types: Readonly<Record<string, AwsType>> = {
  "aws:ec2/securityGroup:SecurityGroup": securityGroup,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule("ingress"),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule("egress"),
};
