import type { RuleInfo } from "../rule.ts";
import { LIMIT, elsewhere as rule, UNCLEAR } from "./rule.ts";

/** PR6xx: AWS. */
export const awsRules: readonly RuleInfo[] = [
  rule(
    "PR601",
    "error",
    "Proxy login without a role",
    UNCLEAR,
    "add `eks` to the cluster, or set `auth: none`",
  ),
  rule(
    "PR602",
    "error",
    "One service account, two roles",
    UNCLEAR,
    "give them a role or a service account each",
  ),
  rule("PR603", "error", "Service cannot be linked to AWS", UNCLEAR, "complete the Service's `aws` block"),
  rule("PR604", "error", "Source security group not known", UNCLEAR, "set `eks.nodeSecurityGroup`"),
  rule("PR605", "error", "Too many security group rules", LIMIT),
  rule("PR606", "error", "IAM permissions too large for a role", LIMIT),
  rule("PR607", "error", "Name that IAM would read as a pattern", UNCLEAR, "name one exactly"),
  rule("PR608", "error", "Session duration that IAM does not take", LIMIT, "choose 1h to 12h"),
  rule("PR609", "error", "Trust document too large", LIMIT),
  rule(
    "PR610",
    "error",
    "Proxy cannot log in as asked",
    "A login that does not happen, or as a user by accident, would be found out in operation.",
  ),
  rule("PR611", "error", "No provider for another AWS account", UNCLEAR, "pass `awsAccounts`"),
  rule("PR612", "error", "Role of another account than the database", UNCLEAR, "add `aws.assume`"),
  rule("PR613", "error", "Role chain that leads nowhere new", UNCLEAR, "name each other account once"),
  rule("PR617", "info", "Kafka clients log in themselves", UNCLEAR, "use an IAM client library"),
  rule(
    "PR614",
    "error",
    "Broken chain from service account to service",
    "A workload that was granted a service would fail in operation; the finding names the first broken link.",
  ),
  rule(
    "PR615",
    "error",
    "Two workloads, one AWS object",
    "A role, profile or association belongs to one Workload; two that make it would change it in turn, without end.",
    "give them different role names and service accounts",
  ),
];
