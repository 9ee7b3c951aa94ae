import type { Meta } from "./check.ts";
import { at, isSet, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Annotations that Istio keeps for itself. */
const INTERNAL = [
  "internal.istio.io/webhook-always-reject",
  "internal.istio.io/parent-namespace",
  "internal.istio.io/parents",
];

/** What Go's `strconv.ParseBool` reads. */
const BOOLEANS = new Set(["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]);

/** Checks the annotations that istiod's webhook looks at. `action` is that of an AuthorizationPolicy. */
export function checkWebhookAnnotations(meta: Meta, action: string | undefined, report: Report): void {
  for (const name of INTERNAL) {
    const annotation = at(meta.annotations, name);
    if (isSet(annotation)) report.error(annotation, "may not be set by users");
  }
  const dryRun = at(meta.annotations, "istio.io/dry-run");
  if (!isSet(dryRun)) return;
  if (action === undefined) report.error(dryRun, "is supported on an AuthorizationPolicy only");
  else if (action !== "ALLOW" && action !== "DENY")
    report.error(dryRun, `is supported with action ALLOW and DENY only, not ${action}`);
  else if (!BOOLEANS.has(text(dryRun)))
    report.error(dryRun, `${JSON.stringify(text(dryRun))} is not true or false`);
}
