import { PolicyError } from "../policy/finding.ts";
import { loadDocuments } from "../policy/load/index.ts";
import { setPosition } from "../policy/load/object.ts";
import type { DocumentInput } from "../policy/schema/index.ts";
import type { LeafInput, Refs } from "./leaves.ts";
import type { Transform } from "./options.ts";
import type { AwsAccounts } from "./policy-set.ts";

/** The Trust of the estate: a document made with `trust(…)`, or the path of a file or folder that holds it. */
export type TrustSource = LeafInput<DocumentInput<"Trust">> | string;

/** What every component that is imported alone is given. */
export interface ComponentArgs {
  /** The estate's definition of trust. */
  readonly trust: TrustSource;
  /** The cluster of Trust that this deployment is for. @default the only one */
  readonly cluster?: string;
  /** Values of `${ref:NAME}` in the policies. */
  readonly refs?: Refs;
  /** Make the AWS side. @default true when there is one */
  readonly aws?: boolean;
  /** AWS providers of accounts other than the cluster's, by account number. */
  readonly awsAccounts?: AwsAccounts;
  /** The instant at which expiry is judged, RFC 3339. @default now */
  readonly now?: string;
  /** Changes a target object before it becomes a resource. */
  readonly transform?: Transform;
  /** Labels added to every Kubernetes and Istio object. They never replace a label that Portreeve sets itself. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Tags added to every AWS resource that has tags. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Splits a component's arguments into the common ones and the spec of its policy object. */
export function splitArgs<A extends ComponentArgs>(
  args: A,
): { common: ComponentArgs; spec: Omit<A, keyof ComponentArgs> } {
  const { trust, cluster, refs, aws, awsAccounts, now, transform, labels, tags, ...spec } = args;
  const common: ComponentArgs = {
    trust,
    ...(cluster !== undefined && { cluster }),
    ...(refs && { refs }),
    ...(aws !== undefined && { aws }),
    ...(awsAccounts && { awsAccounts }),
    ...(now !== undefined && { now }),
    ...(transform && { transform }),
    ...(labels && { labels }),
    ...(tags && { tags }),
  };
  return { common, spec };
}

/**
 * The Trust document that a source names.
 *
 * @throws PolicyError when the files hold no valid Trust.
 */
export function trustDocument(source: TrustSource): LeafInput<DocumentInput<"Trust">> {
  if (typeof source !== "string") return source;
  const { documents, findings } = loadDocuments({ paths: [source] });
  const found = documents.flatMap(({ document, position }) =>
    document.kind === "Trust" ? [{ document, position }] : [],
  )[0];
  if (!found) {
    const missing = {
      rule: "PR112",
      severity: "error",
      message: `${source} holds no Trust document`,
      fix: "name the file that defines Trust",
    } as const;
    throw new PolicyError(findings.length > 0 ? findings : [missing]);
  }
  return found.position ? setPosition(found.document, found.position) : found.document;
}
