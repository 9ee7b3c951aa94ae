import type { Severity } from "../finding.ts";
import type { RuleInfo } from "./rule.ts";

/** A rule that is checked outside of lint: while loading, resolving, planning or compiling. None of it can be waived. */
function rule(id: string, severity: Severity, title: string, why: string, fix: string): RuleInfo {
  return { id, severity, title, why, fix, waivable: false };
}

const UNREADABLE =
  "A policy that is not read denies and allows nothing; nothing is deployed from half of a policy set.";
const UNCLEAR = "What cannot be understood exactly is refused: guessing would widen access or break it.";
const DIVERGES =
  "The verdict would differ from what the policy says; nothing is widened or dropped silently.";
const LIMIT = "The platform refuses or cuts what is over its limit, in the middle of a deployment.";

/** The rules that are no guardrails, in the order of their ids. Whoever adds one to the code adds it here. */
export const otherRules: readonly RuleInfo[] = [
  rule(
    "PR100",
    "error",
    "File cannot be read",
    UNREADABLE,
    "name readable YAML or JSON files of at most 8 MiB",
  ),
  rule("PR101", "error", "Not valid YAML", UNREADABLE, "correct the syntax at the place that is named"),
  rule(
    "PR102",
    "error",
    "Not a policy document",
    UNCLEAR,
    "write a mapping with apiVersion, kind, metadata and spec",
  ),
  rule("PR103", "error", "Unknown kind or apiVersion", UNCLEAR, "use a kind of portreeve.dev/v1"),
  rule("PR104", "error", "Unknown key", UNCLEAR, "use a key of the reference, or remove it"),
  rule("PR105", "error", "Missing value", UNCLEAR, "add it"),
  rule("PR106", "error", "Wrong type or choice", UNCLEAR, "write what the reference says"),
  rule("PR107", "error", "Value out of its form or range", UNCLEAR, "correct the value"),
  rule("PR110", "error", "Name used twice", UNCLEAR, "rename or remove one of the two"),
  rule("PR111", "error", "Unknown reference", UNCLEAR, "name an object that exists, or define it"),
  rule("PR112", "error", "No Trust, or several", UNCLEAR, "keep one Trust document"),
  rule("PR180", "error", "Proxy configuration cannot be read", UNREADABLE, "make it again from the policies"),
  rule("PR181", "error", "Proxy configuration out of its schema", UNCLEAR, "make it again from the policies"),
  rule(
    "PR190",
    "error",
    "Kubernetes object cannot be read",
    UNREADABLE,
    "correct the object at the place that is named",
  ),
  rule("PR191", "error", "Kubernetes object defined twice", UNCLEAR, "keep one of the two"),
  rule("PR192", "warning", "Object left out of the analysis", UNCLEAR, "see the message"),
  rule("PR193", "warning", "Pods of an object are not known", UNCLEAR, "see the message"),
  rule(
    "PR203",
    "error",
    "Endpoints and resolution disagree",
    UNCLEAR,
    "list `endpoints` with `resolution: static`, and only then",
  ),
  rule("PR302", "error", "Groups contain each other", UNCLEAR, "remove one of the memberships"),
  rule(
    "PR401",
    "error",
    "People or agents through the mesh",
    DIVERGES,
    "use `via: proxy`, or leave `via` out",
  ),
  rule(
    "PR402",
    "error",
    "Mesh grant to a service behind the proxy",
    DIVERGES,
    "leave `via` out, or use `egress: gateway`",
  ),
  rule("PR403", "error", "Deny with limits", UNCLEAR, "remove the limits, or make it an allow"),
  rule(
    "PR404",
    "error",
    "Condition that the mesh cannot check",
    DIVERGES,
    "use `via: proxy`, or remove the condition",
  ),
  rule("PR405", "error", "Grant from nobody", UNCLEAR, "name workloads, groups, agents, namespaces or cidrs"),
  rule("PR406", "error", "Grant that ends before it starts", UNCLEAR, "correct `notBefore` or `expires`"),
  rule(
    "PR407",
    "error",
    "Agent not allowed to use the service",
    DIVERGES,
    "add the service to the agent's `services`",
  ),
];
