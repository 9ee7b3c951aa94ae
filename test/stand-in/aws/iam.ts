/** IAM roles, policies, attachments and OIDC providers, in the emulator. */
import * as iam from "@aws-sdk/client-iam";
import type { Props } from "../provider/values.ts";
import type { Clients } from "./clients.ts";
import {
  type AwsType,
  given,
  ifThere,
  number,
  required,
  sameDocument,
  tagList,
  text,
  texts,
} from "./type.ts";

const role: AwsType = {
  named: "name",
  computed: ["arn", "uniqueId", "createDate"],
  replaceOn: ["name", "path"],
  create: async (clients, p) => {
    const RoleName = required(p, "name");
    const { Role } = await clients.iam.send(
      new iam.CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: required(p, "assumeRolePolicy"),
        ...given({
          Path: text(p, "path"),
          Description: text(p, "description"),
          MaxSessionDuration: number(p, "maxSessionDuration"),
          PermissionsBoundary: text(p, "permissionsBoundary"),
        }),
        Tags: tagList(clients, p),
      }),
    );
    const made = {
      arn: Role?.Arn ?? "",
      uniqueId: Role?.RoleId ?? "",
      createDate: Role?.CreateDate?.toISOString() ?? "",
    };
    return { id: RoleName, outputs: { ...p, ...made } };
  },
  update: async (clients, RoleName, now) => {
    const send = clients.iam;
    await send.send(
      new iam.UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: required(now, "assumeRolePolicy") }),
    );
    await send.send(
      new iam.UpdateRoleCommand({
        RoleName,
        Description: text(now, "description") ?? "",
        ...given({ MaxSessionDuration: number(now, "maxSessionDuration") }),
      }),
    );
    const boundary = text(now, "permissionsBoundary");
    if (boundary === undefined)
      await ifThere(send.send(new iam.DeleteRolePermissionsBoundaryCommand({ RoleName })));
    else
      await send.send(new iam.PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: boundary }));
    const { Tags = [] } = await send.send(new iam.ListRoleTagsCommand({ RoleName }));
    const wanted = tagList(clients, now);
    const stale = Tags.flatMap(({ Key }) => (Key && !wanted.some((tag) => tag.Key === Key) ? [Key] : []));
    if (stale.length > 0) await send.send(new iam.UntagRoleCommand({ RoleName, TagKeys: stale }));
    if (wanted.length > 0) await send.send(new iam.TagRoleCommand({ RoleName, Tags: wanted }));
    return {};
  },
  read: async (clients, RoleName, outputs) => {
    const live = (await ifThere(clients.iam.send(new iam.GetRoleCommand({ RoleName }))))?.Role;
    if (live === undefined) return undefined;
    const trust = sameDocument(text(outputs, "assumeRolePolicy"), live.AssumeRolePolicyDocument);
    return { name: RoleName, assumeRolePolicy: trust };
  },
  delete: async (clients, RoleName) => {
    await ifThere(clients.iam.send(new iam.DeleteRoleCommand({ RoleName })));
  },
};

/** IAM keeps five versions of a policy; the oldest make room. */
const MAX_VERSIONS = 5;

async function makeRoom(clients: Clients, PolicyArn: string): Promise<void> {
  const { Versions = [] } = await clients.iam.send(new iam.ListPolicyVersionsCommand({ PolicyArn }));
  const oldest = Versions.filter((v) => !v.IsDefaultVersion).sort(
    (a, b) => (a.CreateDate?.getTime() ?? 0) - (b.CreateDate?.getTime() ?? 0),
  )[0];
  if (Versions.length < MAX_VERSIONS || oldest?.VersionId === undefined) return;
  await clients.iam.send(new iam.DeletePolicyVersionCommand({ PolicyArn, VersionId: oldest.VersionId }));
}

const policy: AwsType = {
  named: "name",
  computed: ["arn", "policyId"],
  replaceOn: ["name", "path", "description"],
  create: async (clients, p) => {
    const { Policy } = await clients.iam.send(
      new iam.CreatePolicyCommand({
        PolicyName: required(p, "name"),
        PolicyDocument: required(p, "policy"),
        ...given({ Path: text(p, "path"), Description: text(p, "description") }),
        Tags: tagList(clients, p),
      }),
    );
    const arn = Policy?.Arn ?? "";
    return { id: arn, outputs: { ...p, arn, policyId: Policy?.PolicyId ?? "" } };
  },
  update: async (clients, PolicyArn, now) => {
    await makeRoom(clients, PolicyArn);
    const PolicyDocument = required(now, "policy");
    await clients.iam.send(
      new iam.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }),
    );
    const wanted = tagList(clients, now);
    if (wanted.length > 0) await clients.iam.send(new iam.TagPolicyCommand({ PolicyArn, Tags: wanted }));
    return {};
  },
  read: async (clients, PolicyArn, outputs) => {
    const live = (await ifThere(clients.iam.send(new iam.GetPolicyCommand({ PolicyArn }))))?.Policy;
    if (live?.DefaultVersionId === undefined) return undefined;
    const VersionId = live.DefaultVersionId;
    const { PolicyVersion } = await clients.iam.send(
      new iam.GetPolicyVersionCommand({ PolicyArn, VersionId }),
    );
    return { policy: sameDocument(text(outputs, "policy"), PolicyVersion?.Document) };
  },
  delete: async (clients, PolicyArn) => {
    const { Versions = [] } =
      (await ifThere(clients.iam.send(new iam.ListPolicyVersionsCommand({ PolicyArn })))) ?? {};
    for (const { VersionId, IsDefaultVersion } of Versions) {
      if (VersionId === undefined || IsDefaultVersion) continue;
      await clients.iam.send(new iam.DeletePolicyVersionCommand({ PolicyArn, VersionId }));
    }
    await ifThere(clients.iam.send(new iam.DeletePolicyCommand({ PolicyArn })));
  },
};

const attached = async (clients: Clients, p: Props): Promise<boolean> => {
  const RoleName = required(p, "role");
  const answer = await ifThere(clients.iam.send(new iam.ListAttachedRolePoliciesCommand({ RoleName })));
  return answer?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === p.policyArn) ?? false;
};

const rolePolicyAttachment: AwsType = {
  computed: [],
  replaceOn: ["role", "policyArn"],
  create: async (clients, p) => {
    const [RoleName, PolicyArn] = [required(p, "role"), required(p, "policyArn")];
    await clients.iam.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
    return { id: `${RoleName}-${PolicyArn}`, outputs: p };
  },
  read: async (clients, _id, outputs) => ((await attached(clients, outputs)) ? {} : undefined),
  delete: async (clients, _id, p) => {
    const [RoleName, PolicyArn] = [required(p, "role"), required(p, "policyArn")];
    await ifThere(clients.iam.send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn })));
  },
};

/** A policy inside of a role. */
const rolePolicy: AwsType = {
  named: "name",
  computed: [],
  replaceOn: ["name", "role"],
  create: async (clients, p) => {
    const [RoleName, PolicyName] = [required(p, "role"), required(p, "name")];
    const PolicyDocument = required(p, "policy");
    await clients.iam.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
    return { id: `${RoleName}:${PolicyName}`, outputs: p };
  },
  update: async (clients, _id, p) => {
    const [RoleName, PolicyName] = [required(p, "role"), required(p, "name")];
    const PolicyDocument = required(p, "policy");
    await clients.iam.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
    return {};
  },
  read: async (clients, _id, p) => {
    const [RoleName, PolicyName] = [required(p, "role"), required(p, "name")];
    const live = await ifThere(clients.iam.send(new iam.GetRolePolicyCommand({ RoleName, PolicyName })));
    return live && { policy: sameDocument(text(p, "policy"), live.PolicyDocument) };
  },
  delete: async (clients, _id, p) => {
    const [RoleName, PolicyName] = [required(p, "role"), required(p, "name")];
    await ifThere(clients.iam.send(new iam.DeleteRolePolicyCommand({ RoleName, PolicyName })));
  },
};

const openIdConnectProvider: AwsType = {
  computed: ["arn"],
  replaceOn: ["url"],
  create: async (clients, p) => {
    const { OpenIDConnectProviderArn: arn = "" } = await clients.iam.send(
      new iam.CreateOpenIDConnectProviderCommand({
        Url: required(p, "url"),
        ClientIDList: texts(p, "clientIdLists"),
        ThumbprintList: texts(p, "thumbprintLists"),
        Tags: tagList(clients, p),
      }),
    );
    return { id: arn, outputs: { ...p, arn } };
  },
  update: async (clients, arn, now, old) => {
    const OpenIDConnectProviderArn = arn;
    const [wanted, had] = [texts(now, "clientIdLists"), texts(old, "clientIdLists")];
    for (const ClientID of wanted.filter((id) => !had.includes(id))) {
      await clients.iam.send(
        new iam.AddClientIDToOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }),
      );
    }
    for (const ClientID of had.filter((id) => !wanted.includes(id))) {
      await clients.iam.send(
        new iam.RemoveClientIDFromOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }),
      );
    }
    const ThumbprintList = texts(now, "thumbprintLists");
    await clients.iam.send(
      new iam.UpdateOpenIDConnectProviderThumbprintCommand({ OpenIDConnectProviderArn, ThumbprintList }),
    );
    return {};
  },
  read: async (clients, arn) => {
    const ask = new iam.GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn });
    const live = await ifThere(clients.iam.send(ask));
    return live && { clientIdLists: live.ClientIDList ?? [] };
  },
  delete: async (clients, arn) => {
    await ifThere(
      clients.iam.send(new iam.DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn })),
    );
  },
};

export const iamTypes: Readonly<Record<string, AwsType>> = {
  "aws:iam/role:Role": role,
  "aws:iam/policy:Policy": policy,
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": rolePolicyAttachment,
  "aws:iam/rolePolicy:RolePolicy": rolePolicy,
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": openIdConnectProvider,
};
