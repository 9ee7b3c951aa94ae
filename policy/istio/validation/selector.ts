import { at, entries, isSet, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** What a policy may be attached to, as `group/Kind`. */
const TARGETS = new Set([
  "/Service",
  "core/Service",
  "networking.istio.io/ServiceEntry",
  "gateway.networking.k8s.io/Gateway",
  "gateway.networking.k8s.io/GatewayClass",
]);

/** Checks the labels of a selector: no empty key, no wildcard; none at all selects everything, with a warning. */
export function checkSelectorLabels(selector: Node, labels: Node, report: Report): void {
  if (!isSet(selector)) return;
  for (const [key, value] of entries(labels)) {
    if (key === "") report.error(value, "a selector's label key must not be empty");
    if (key.includes("*") || text(value).includes("*"))
      report.error(value, "a selector's labels may not hold a wildcard");
  }
  if (entries(labels).length === 0) {
    report.warn(selector, "has no labels, so it applies to every workload in the namespace");
  }
}

/** Checks a `selector` with `matchLabels`. */
export function checkWorkloadSelector(selector: Node, report: Report): void {
  checkSelectorLabels(selector, at(selector, "matchLabels"), report);
}

/** Checks `selector`, `targetRef` and `targetRefs` of a policy: one of them at most, and what they point at. */
export function checkPolicyTargets(spec: Node, report: Report): void {
  const selector = at(spec, "selector");
  const targetRef = at(spec, "targetRef");
  const targetRefs = items(at(spec, "targetRefs"));
  const used = [isSet(selector), isSet(targetRef), targetRefs.length > 0].filter(Boolean).length;
  if (used > 1) report.error(spec, "only one of selector, targetRef and targetRefs may be set");
  checkWorkloadSelector(selector, report);
  checkTargetRef(targetRef, report);
  for (const ref of targetRefs) checkTargetRef(ref, report);
}

function checkTargetRef(ref: Node, report: Report): void {
  if (!isSet(ref)) return;
  if (text(at(ref, "name")) === "") report.error(at(ref, "name"), "must be set");
  if (text(at(ref, "namespace")) !== "") {
    report.error(at(ref, "namespace"), "must not be set; a policy targets objects of its own namespace only");
  }
  const target = `${text(at(ref, "group"))}/${text(at(ref, "kind"))}`;
  if (!TARGETS.has(target)) {
    report.error(
      ref,
      `cannot target ${target}; use Service, ServiceEntry, Gateway or GatewayClass with its group`,
    );
  }
}
