import { type ReadStatement, readIamDocument } from "../../compile/aws/iam-text.ts";
import type { DocumentBreach } from "./document-breach.ts";

/** MSK names topics, groups and transactions by patterns; everything else of a grant is one thing. */
const PATTERNS_MEANT = /^arn:[^:*?]+:kafka:[^:*?]+:\d{12}:(topic|group|transactional-id)\/[^/*?]+\/[^/*?]+\//;

/**
 * Holds a permission document against PR636, whoever wrote it: text as IAM gives it, or parsed.
 *
 * @throws IamTextError when it is not an IAM document.
 */
export function checkPermissionDocument(document: unknown): DocumentBreach[] {
  return readIamDocument(document)
    .filter(({ effect }) => effect === "Allow")
    .flatMap((statement) =>
      [...messages(statement)].map(
        (message): DocumentBreach => ({ rule: "PR636", statement: statement.label, message }),
      ),
    );
}

function* messages({ actions, resources, inverted }: ReadStatement): Iterable<string> {
  for (const key of inverted) yield `\`${key}\` allows everything that is not named`;
  const named = <T>(key: (typeof inverted)[number], list: readonly T[]) =>
    inverted.includes(key) ? [] : list;
  for (const action of named("NotAction", actions))
    if (/[*?]/.test(action)) yield `the action ${action} is a pattern`;
  for (const resource of named("NotResource", resources)) {
    if (/[*?]/.test(resource) && !PATTERNS_MEANT.test(resource))
      yield `the resource ${resource} is a pattern`;
  }
}
