import type { DocumentBreach } from "../aws/document-breach.ts";
import { knownDocumentBreaches } from "../aws/known-documents.ts";
import {
  existingSample,
  irsaExact,
  irsaNoAudience,
  irsaWildSubject,
  permission,
  podIdentity,
  TRUST_SAMPLE,
} from "../aws/sample.ts";
import type { LintRule } from "../rule.ts";

const PODS = { Service: "pods.eks.amazonaws.com" };
const BOTH = ["sts:AssumeRole", "sts:TagSession"];
const DATABASE = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:cluster-ABC";

/** A rule over what a role's documents say, where they are known; {@link TRUST_SAMPLE} goes before its samples. */
function rule(
  id: DocumentBreach["rule"],
  { bad, good, ...told }: Pick<LintRule, "title" | "why" | "fix" | "bad" | "good">,
): LintRule {
  return {
    id,
    severity: "error",
    waivable: true,
    ...told,
    bad: TRUST_SAMPLE + bad,
    good: TRUST_SAMPLE + good,
    check: ({ model }) => knownDocumentBreaches(model, id),
  };
}

/** PR630 to PR633 and PR636: what a role's documents say, where they are known. */
export const awsDocumentRules: readonly LintRule[] = [
  rule("PR630", {
    title: "Trust for everybody",
    why: "A role whose trust names everybody can be taken from any AWS account in the world; conditions on tags do not help, since the caller chooses them.",
    fix: "name the service, the OIDC provider, or the role that may take it",
    bad: existingSample("pod-identity", podIdentity(BOTH, "*")),
    good: existingSample("pod-identity", podIdentity(BOTH, PODS)),
  }),
  rule("PR631", {
    title: "Trust for any subject",
    why: "Without an exact subject, any service account of the cluster (or any certificate of the CA) can take the role, also one that somebody makes for the purpose.",
    fix: "name namespace and service account, or the SPIFFE ID, with StringEquals",
    bad: existingSample("irsa", irsaWildSubject),
    good: existingSample("irsa", irsaExact),
  }),
  rule("PR632", {
    title: "Trust for any audience",
    why: "A token that the cluster issued for another purpose, say for Vault, would do to take the role: whoever it was shown to can use it.",
    fix: "demand `:aud` to equal sts.amazonaws.com",
    bad: existingSample("irsa", irsaNoAudience),
    good: existingSample("irsa", irsaExact),
  }),
  rule("PR633", {
    title: "Trust without sts:TagSession",
    why: "EKS Pod Identity and Roles Anywhere tag every session; without sts:TagSession STS refuses, and the pod gets no credentials at all.",
    fix: "add `sts:TagSession` to the statement's actions",
    bad: existingSample("pod-identity", podIdentity(["sts:AssumeRole"], PODS)),
    good: existingSample("pod-identity", podIdentity(BOTH, PODS)),
  }),
  rule("PR636", {
    title: "Wildcard action or resource",
    why: "A pattern allows what is made tomorrow too: a new database, a new user, a new action of the service. Topics and groups of MSK may be patterns.",
    fix: "name each action and each ARN",
    bad: existingSample("irsa", permission("rds-db:connect", `${DATABASE}/*`), "permissions"),
    good: existingSample("irsa", permission("rds-db:connect", `${DATABASE}/app`), "permissions"),
  }),
];
