import type { Check } from "./check.ts";
import { checkExportTo } from "./export-to.ts";
import { wildcardDomainProblem } from "./host.ts";
import { checkLabels, isDnsLabel } from "./labels.ts";
import { at, isSet, items, text } from "./node.ts";
import { checkWorkloadSelector } from "./selector.ts";
import { checkTrafficPolicy } from "./traffic-policy.ts";

/** A DestinationRule by the rules of Istio's webhook. */
export const checkDestinationRule: Check = (spec, meta, report) => {
  report.check(at(spec, "host"), wildcardDomainProblem(text(at(spec, "host"))));
  checkTrafficPolicy(at(spec, "trafficPolicy"), meta.namespace, report);
  const names = new Set<string>();
  for (const subset of items(at(spec, "subsets"))) {
    const name = at(subset, "name");
    if (names.has(text(name))) report.error(name, `subset ${JSON.stringify(text(name))} is defined twice`);
    names.add(text(name));
    if (!isDnsLabel(text(name))) report.error(name, `${JSON.stringify(text(name))} is not a DNS label`);
    checkLabels(at(subset, "labels"), report);
    checkTrafficPolicy(at(subset, "trafficPolicy"), meta.namespace, report.errorsOnly());
  }
  const selector = at(spec, "workloadSelector");
  checkExportTo(
    at(spec, "exportTo"),
    meta.namespace,
    isSet(selector) ? "selected-destination-rule" : "other",
    report,
  );
  checkWorkloadSelector(selector, report);
};
