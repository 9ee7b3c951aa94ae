import { matchesPattern, type ReadStatement, readIamDocument } from "../../compile/aws/iam-text.ts";
import { type DocumentBreach, demanded, isExact } from "./document-breach.ts";

const POD_IDENTITY = "pods.eks.amazonaws.com";
const ROLES_ANYWHERE = "rolesanywhere.amazonaws.com";

/**
 * Holds a role's trust document against PR630 to PR633, whoever wrote it: text as IAM gives it, or parsed.
 *
 * @example checkTrustDocument((await aws.iam.getRole({ name })).assumeRolePolicy)
 * @throws IamTextError when it is not an IAM document.
 */
export function checkTrustDocument(document: unknown): DocumentBreach[] {
  const allows = readIamDocument(document).filter(({ effect }) => effect === "Allow");
  return [...allows.flatMap((statement) => [...checkStatement(statement)]), ...missingTags(allows)];
}

function* checkStatement(statement: ReadStatement): Iterable<DocumentBreach> {
  const { label, principals, inverted } = statement;
  const breach = (rule: DocumentBreach["rule"], message: string) => ({ rule, statement: label, message });
  const everybody = Object.entries(principals).filter(([, values]) => values.includes("*"));
  const narrowed = demanded(statement, (key) => key === "aws:principalarn").some(isExact);
  if (inverted.includes("NotPrincipal"))
    yield breach("PR630", "`NotPrincipal` lets in everybody who is not named");
  for (const [kind] of everybody)
    if (!narrowed) yield breach("PR630", `\`Principal\` of kind ${kind} is "*": any AWS account`);
  if (isWebIdentity(statement)) {
    yield* exactly(statement, (key) => key.endsWith(":sub"), "PR631", "subject (`:sub`)");
    yield* exactly(statement, (key) => key.endsWith(":aud"), "PR632", "audience (`:aud`)");
  }
  const services = principals.Service ?? [];
  if (services.includes(POD_IDENTITY)) {
    for (const tag of ["kubernetes-namespace", "kubernetes-service-account"]) {
      const key = `aws:requesttag/${tag}`;
      yield* exactly(statement, (name) => name === key, "PR631", `session tag \`${tag}\``);
    }
  }
  if (services.includes(ROLES_ANYWHERE)) {
    yield* exactly(
      statement,
      (name) => /^aws:principaltag\/x509(san\/uri|san\/name\/cn|subject\/cn)$/.test(name),
      "PR631",
      "certificate (`aws:PrincipalTag/x509SAN/URI`)",
    );
    yield* exactly(statement, (name) => name === "aws:sourcearn", "PR631", "trust anchor (`aws:SourceArn`)");
  }
}

/** SAML has no subject of this kind; its providers are left alone. */
function isWebIdentity(statement: ReadStatement): boolean {
  const { principals } = statement;
  const oidc = (principals.Federated ?? []).some((value) => !value.includes(":saml-provider/"));
  return oidc && isFor(statement, "sts:AssumeRoleWithWebIdentity");
}

function isFor({ actions, inverted }: ReadStatement, action: string): boolean {
  return actions.some((pattern) => matchesPattern(pattern, action, true)) !== inverted.includes("NotAction");
}

function* exactly(
  statement: ReadStatement,
  test: (key: string) => boolean,
  rule: DocumentBreach["rule"],
  what: string,
): Iterable<DocumentBreach> {
  const conditions = demanded(statement, test);
  // All conditions must hold, so one exact one is enough.
  if (conditions.some(isExact)) return;
  const values = conditions.flatMap((condition) => condition.values).join(", ");
  yield {
    rule,
    statement: statement.label,
    message: conditions.length === 0 ? `no condition on the ${what}` : `the ${what} is a pattern: ${values}`,
  };
}

/** Sessions of these services carry tags, which IAM refuses without the action. */
function missingTags(allows: readonly ReadStatement[]): DocumentBreach[] {
  return [POD_IDENTITY, ROLES_ANYWHERE].flatMap((service): DocumentBreach[] => {
    const own = allows.filter(({ principals }) => principals.Service?.includes(service));
    const [first] = own;
    const tags = own.some((statement) => isFor(statement, "sts:TagSession"));
    if (!first || tags) return [];
    return [{ rule: "PR633", statement: first.label, message: `${service} may not use \`sts:TagSession\`` }];
  });
}
