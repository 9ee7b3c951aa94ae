import type { RuleInfo } from "../rule.ts";
import { elsewhere as rule, UNCLEAR, UNREADABLE } from "./rule.ts";

/** PR1xx: files, documents and references. */
export const schemaRules: readonly RuleInfo[] = [
  rule(
    "PR100",
    "error",
    "File cannot be read",
    UNREADABLE,
    "name readable YAML or JSON files of at most 8 MiB",
  ),
  rule("PR101", "error", "Not valid YAML", UNREADABLE, "correct the syntax at the place that is named"),
  rule("PR102", "error", "Not a policy document", UNCLEAR, "write apiVersion, kind, metadata and spec"),
  rule("PR103", "error", "Unknown kind or apiVersion", UNCLEAR, "use a kind of portreeve.dev/v1"),
  rule("PR104", "error", "Unknown key", UNCLEAR, "use a key of the reference, or remove it"),
  rule("PR105", "error", "Missing value", UNCLEAR, "add it"),
  rule("PR106", "error", "Wrong type or choice", UNCLEAR, "write what the reference says"),
  rule("PR107", "error", "Value out of its form or range", UNCLEAR, "correct the value"),
  rule("PR110", "error", "Name used twice", UNCLEAR, "rename or remove one of the two"),
  rule("PR111", "error", "Unknown reference", UNCLEAR, "name an object that exists, or define it"),
  rule("PR112", "error", "No Trust, or several", UNCLEAR, "keep one Trust document"),
  rule("PR113", "error", "Cluster not chosen", UNCLEAR, "name one of Trust's clusters"),
  rule(
    "PR114",
    "error",
    "Reference without a value",
    UNCLEAR,
    "give the value that the reference stands for",
  ),
  rule("PR115", "error", "Question about something unknown", UNCLEAR, "name what the policies define"),
  rule("PR180", "error", "Proxy configuration cannot be read", UNREADABLE, "make it again from the policies"),
  rule("PR181", "error", "Proxy configuration out of its schema", UNCLEAR, "make it again from the policies"),
  rule("PR190", "error", "Kubernetes object cannot be read", UNREADABLE),
  rule("PR191", "error", "Kubernetes object defined twice", UNCLEAR, "keep one of the two"),
  rule("PR192", "warning", "Object left out of the analysis", UNCLEAR),
  rule("PR193", "warning", "Pods of an object are not known", UNCLEAR),
];
