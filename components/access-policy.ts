import * as pulumi from "@pulumi/pulumi";
import type { Position } from "../policy/finding.ts";
import { callerPosition, type PolicyObject, setPosition } from "../policy/load/object.ts";
import { accessTable } from "../policy/model/access.ts";
import type { AccessRow } from "../policy/model/types.ts";
import { API_VERSION, type DocumentInput, type GrantSpecInput } from "../policy/schema/index.ts";
import { type ComponentArgs, trustDocument } from "./component-args.ts";
import { FromSet } from "./from-set.ts";
import type { Refs } from "./leaves.ts";
import { lowerTargets } from "./lower/index.ts";
import { openPolicySet, type PolicySet, targetsOf } from "./policy-set.ts";

type From = GrantSpecInput["from"];

/** Who a grant is for: policy objects with their definitions, so that a grant can be made without the whole set. */
export class Grantee {
  /** Short text for names. */
  readonly label: string;
  /** What the Grant says in `from`. */
  readonly from: From;
  /** The definitions of whom it names. */
  readonly objects: readonly PolicyObject[];
  /** Values of `${ref:NAME}` in those definitions. */
  readonly refs: Refs;

  private constructor(label: string, from: From, objects: readonly PolicyObject[], refs: Refs = {}) {
    this.label = label;
    this.from = from;
    this.objects = objects;
    this.refs = refs;
  }

  /** A workload, by its SPIFFE ID. */
  static workload(document: DocumentInput<"Workload">, refs: Refs = {}): Grantee {
    const { namespace, name } = document.metadata;
    return new Grantee(`${namespace}-${name}`, { workloads: [`${namespace}/${name}`] }, [document], refs);
  }

  /** A group. `members` are the documents of workloads, agents and groups that it names. */
  static group(document: DocumentInput<"Group">, members: readonly PolicyObject[] = []): Grantee {
    return new Grantee(document.metadata.name, { groups: [document.metadata.name] }, [document, ...members]);
  }

  /** An agent. `others` are the documents that it names: its workload, the group it acts for, its other services. */
  static agent(document: DocumentInput<"Agent">, others: readonly PolicyObject[] = []): Grantee {
    return new Grantee(document.metadata.name, { agents: [document.metadata.name] }, [document, ...others]);
  }

  /** Every workload of a namespace, by its verified identity. */
  static namespace(namespace: string): Grantee {
    return new Grantee(namespace, { namespaces: [namespace] }, []);
  }

  /** Source addresses, whoever it is. */
  static cidrs(...cidrs: string[]): Grantee {
    return new Grantee(cidrs.join("-"), { cidrs }, []);
  }
}

/** The parts of a grant besides who and what. */
export interface AccessPolicyOptions
  extends Pick<GrantSpecInput, "via" | "when" | "limits" | "audit" | "owner" | "ticket" | "reason"> {
  /** Name of the Grant. @default derived from service, action and grantee */
  readonly name?: string;
  /** Ports as clients use them. @default all ports of the service */
  readonly ports?: number[];
}

/** Arguments of {@link AccessPolicy}. */
export interface AccessPolicyArgs extends ComponentArgs, AccessPolicyOptions {
  /** @default allow */
  readonly action?: "allow" | "deny";
  /** For whom it is. */
  readonly from: Grantee;
  /** The Service. */
  readonly to: DocumentInput<"Service">;
  /** Where the grant was written. @default the line that makes this component */
  readonly position?: Position;
}

/**
 * One grant as objects of its own. Istio's ALLOW policies, NetworkPolicies, security-group rules and IAM statements
 * add up, so a grant can be deployed by another stack than the service's.
 *
 * @example
 * ```ts
 * new AccessPolicy("api-orders", { trust: "policies/trust.yaml", from: api.grantee, to: ordersDbDocument, ports: [5432] });
 * ```
 * @throws PolicyError with every problem at once.
 */
export class AccessPolicy extends pulumi.ComponentResource {
  /** The Grant document; undefined when an AccessPlane made this component. */
  readonly grant: DocumentInput<"Grant"> | undefined;
  /** What the grant opens or closes, and through which enforcement point. */
  readonly access: readonly AccessRow[];

  constructor(name: string, args: AccessPolicyArgs | FromSet, opts?: pulumi.ComponentResourceOptions) {
    const own = args instanceof FromSet ? undefined : standalone(name, args);
    const set = args instanceof FromSet ? args.set : own?.set;
    const subject = args instanceof FromSet ? args.subject : own?.grant.metadata.name;
    if (!set || subject === undefined) throw new TypeError(`AccessPolicy ${name}: no policy set`);
    super("portreeve:index:AccessPolicy", name, {}, opts);
    this.grant = own?.grant;
    lowerTargets(this, name, set, targetsOf(set, "AccessPolicy", subject));
    const rows = accessTable(set.model, set.cluster);
    this.access = own ? rows : rows.filter((row) => row.grant === subject || row.service === subject);
    this.registerOutputs({});
  }
}

function standalone(name: string, args: AccessPolicyArgs): { grant: DocumentInput<"Grant">; set: PolicySet } {
  const {
    trust,
    cluster,
    refs,
    aws,
    awsAccounts,
    now,
    transform,
    labels,
    tags,
    action,
    from,
    to,
    ports,
    position,
    name: grantName = name,
    ...rest
  } = args;
  const grant: DocumentInput<"Grant"> = {
    apiVersion: API_VERSION,
    kind: "Grant",
    metadata: { name: grantName },
    spec: {
      ...rest,
      ...(action && { action }),
      from: from.from,
      to: { service: to.metadata.name, ...(ports && { ports }) },
    },
  };
  const at = position ?? callerPosition(AccessPolicy);
  if (at) setPosition(grant, at);
  const set = openPolicySet(
    {
      refs: { ...refs, ...from.refs },
      ...(cluster !== undefined && { cluster }),
      ...(aws !== undefined && { aws }),
      ...(awsAccounts && { awsAccounts }),
      ...(now !== undefined && { now }),
      ...(transform && { transform }),
      ...(labels && { labels }),
      ...(tags && { tags }),
    },
    "grant",
    [trustDocument(trust), to, ...from.objects, grant],
    `Grant/${grantName}`,
  );
  return { grant, set };
}
