import type { Target } from "../target.ts";
import { type ReadStatement, readIamDocument } from "./iam-text.ts";
import type { AwsObject, IamDocument } from "./objects.ts";

/** What the links look up among the objects of a cluster; made once, since an estate has tens of thousands of chains. */
export interface ChainIndex {
  /** Keys of all targets. */
  readonly keys: ReadonlySet<string>;
  /** Trust documents by ARN of the role. */
  readonly trusts: ReadonlyMap<string, IamDocument>;
  /** Ports that rules open, by security group. */
  readonly openPorts: ReadonlyMap<string, ReadonlySet<number>>;
  /** What the policies attached to a role say, by its ARN. */
  readonly statements: (role: string) => readonly ReadStatement[];
}

export function chainIndex(targets: readonly Target<AwsObject>[]): ChainIndex {
  const trusts = new Map<string, IamDocument>();
  const openPorts = new Map<string, Set<number>>();
  const documents = new Map<string, IamDocument>();
  const attached = new Map<string, string[]>();
  for (const { object } of targets) {
    switch (object.type) {
      case "iam.Role":
        trusts.set(object.arn, object.trust);
        break;
      case "iam.Policy":
        documents.set(object.arn, object.document);
        break;
      case "iam.RolePolicyAttachment":
        push(attached, object.role.arn, object.policy.arn);
        break;
      case "ec2.SecurityGroupIngressRule": {
        const ports = openPorts.get(object.securityGroupId) ?? new Set();
        openPorts.set(object.securityGroupId, ports.add(object.fromPort));
        break;
      }
      case "eks.PodIdentityAssociation":
      case "rolesanywhere.Profile":
        break;
    }
  }
  const read = new Map<string, readonly ReadStatement[]>();
  return {
    keys: new Set(targets.map(({ key }) => key)),
    trusts,
    openPorts,
    statements: (role) => {
      const known = read.get(role);
      if (known) return known;
      const made = (attached.get(role) ?? []).flatMap((policy) => {
        const document = documents.get(policy);
        return document ? readIamDocument(document) : [];
      });
      read.set(role, made);
      return made;
    },
  };
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
