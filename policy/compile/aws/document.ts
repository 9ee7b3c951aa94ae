import { compareText } from "../../finding.ts";
import { canonicalJson, sortedSet } from "../../model/canonical.ts";
import { REF } from "../../schema/primitives.ts";
import type { IamDocument, IamStatement } from "./objects.ts";

/** IAM's limit for a managed policy, in characters without white space. */
export const MAX_POLICY_CHARS = 6_144;
/** IAM's default limit for a role's trust document. */
export const MAX_TRUST_CHARS = 2_048;
/** IAM's default limit of managed policies attached to a role. */
export const MAX_POLICIES_PER_ROLE = 10;
/** What a value that is not known yet is taken to be long. */
const REF_CHARS = 100;

/** A document with everything in order whose order means nothing to IAM. */
export function iamDocument(statements: readonly IamStatement[]): IamDocument {
  const canonical = statements.map(canonicalStatement);
  const unique = new Map(canonical.map((statement) => [canonicalJson(statement), statement]));
  return {
    Version: "2012-10-17",
    Statement: [...unique.values()].sort(
      (a, b) => compareText(a.Sid, b.Sid) || compareText(canonicalJson(a), canonicalJson(b)),
    ),
  };
}

function canonicalStatement(statement: IamStatement): IamStatement {
  return {
    ...statement,
    Action: sortedSet(statement.Action),
    ...(statement.Resource && { Resource: sortedSet(statement.Resource) }),
  };
}

/** Characters as IAM counts them, white space left out. */
export function documentChars(document: IamDocument): number {
  return JSON.stringify(document).replace(REF, "x".repeat(REF_CHARS)).replace(/\s/g, "").length;
}

/** Puts statements into as few documents as hold them, in order; one that is too long is split by its resources. */
export function splitDocuments(statements: readonly IamStatement[]): IamDocument[] {
  const documents: IamDocument[] = [];
  let current: IamStatement[] = [];
  const queue = [...iamDocument(statements).Statement];
  while (queue.length > 0) {
    const next = queue.shift();
    if (!next) break;
    const more = withStatement(current, next);
    if (documentChars(iamDocument(more)) <= MAX_POLICY_CHARS) {
      current = more;
    } else if (current.length > 0) {
      documents.push(iamDocument(current));
      current = [];
      queue.unshift(next);
    } else {
      const resources = next.Resource ?? [];
      if (resources.length < 2) {
        documents.push(iamDocument([next]));
        continue;
      }
      const half = Math.ceil(resources.length / 2);
      queue.unshift(
        { ...next, Resource: resources.slice(0, half) },
        { ...next, Resource: resources.slice(half) },
      );
    }
  }
  if (current.length > 0) documents.push(iamDocument(current));
  return documents;
}

/** Two parts of one statement are one again: IAM refuses a document in which a Sid stands twice. */
function withStatement(current: readonly IamStatement[], next: IamStatement): IamStatement[] {
  const part = current.find((statement) => isPartOf(statement, next));
  if (!part) return [...current, next];
  const whole = { ...part, Resource: [...(part.Resource ?? []), ...(next.Resource ?? [])] };
  return current.map((statement) => (statement === part ? whole : statement));
}

function isPartOf(a: IamStatement, b: IamStatement): boolean {
  return canonicalJson({ ...a, Resource: [] }) === canonicalJson({ ...b, Resource: [] });
}
