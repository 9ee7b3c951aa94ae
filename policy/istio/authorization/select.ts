import type { AuthorizationPolicy, PolicyTargetReference, WorkloadSelector } from "../objects.ts";
import type { TargetWorkload } from "./types.ts";
import { MESH_DEFAULTS } from "./types.ts";

/** Kubernetes writes no namespace as this one. */
const DEFAULT_NAMESPACE = "default";

/** On the pods of a Gateway API gateway or waypoint. */
const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const GATEWAY_GROUP = "gateway.networking.k8s.io";

export function namespaceOf(object: { readonly metadata: { readonly namespace?: string } }): string {
  return object.metadata.namespace ?? DEFAULT_NAMESPACE;
}

/** `namespace/name`. */
export function nameOf(object: {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string {
  return `${namespaceOf(object)}/${object.metadata.name}`;
}

export function rootNamespaceOf(workload: TargetWorkload): string {
  return workload.rootNamespace ?? MESH_DEFAULTS.rootNamespace;
}

/** True when the workload has every label of the selector; no labels ask for nothing. */
export function selects(selector: WorkloadSelector | undefined, workload: TargetWorkload): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => workload.labels[key] === value);
}

/** `targetRef` is the older way to write one entry of `targetRefs`, and is read only without it. */
export function targetsOf(policy: AuthorizationPolicy): readonly PolicyTargetReference[] {
  const { targetRefs = [], targetRef } = policy.spec ?? {};
  return targetRefs.length > 0 || targetRef === undefined ? targetRefs : [targetRef];
}

/** In the workload's namespace, or in the root namespace, whose policies apply everywhere. */
export function inScope(policy: AuthorizationPolicy, workload: TargetWorkload): boolean {
  const namespace = namespaceOf(policy);
  return namespace === workload.namespace || namespace === rootNamespaceOf(workload);
}

/**
 * Whether a policy applies to a workload with a sidecar, or to a gateway's own proxy
 * (pilot/pkg/model/policyattachment.go). Only a gateway can be a target; for any other workload a policy with
 * `targetRefs` does not exist, whatever its selector says.
 */
export function appliesToSidecar(policy: AuthorizationPolicy, workload: TargetWorkload): boolean {
  if (!inScope(policy, workload)) return false;
  const targets = targetsOf(policy);
  if (targets.length === 0) return selects(policy.spec?.selector, workload);
  const gateway = workload.labels[GATEWAY_NAME];
  return (
    gateway !== undefined &&
    namespaceOf(policy) === workload.namespace &&
    targets.some(
      (target) =>
        target.kind === "Gateway" &&
        target.group === GATEWAY_GROUP &&
        target.name === gateway &&
        ["", workload.namespace].includes(target.namespace ?? ""),
    )
  );
}

/** How far a policy reaches in ambient mode; the order is ztunnel's own when it looks for a match. */
export type ZtunnelScope = "namespace" | "global" | "selector";

/**
 * Whether and how a policy applies to a workload behind ztunnel. Any `selector`, also an empty one, makes it a policy
 * that istiod has to attach to workloads, and it attaches none without `matchLabels`: `selector: {}` selects nothing
 * here, and everything for a sidecar.
 */
export function ztunnelScope(
  policy: AuthorizationPolicy,
  workload: TargetWorkload,
): ZtunnelScope | undefined {
  if (!inScope(policy, workload) || targetsOf(policy).length > 0) return undefined;
  const selector = policy.spec?.selector;
  if (selector === undefined) {
    return namespaceOf(policy) === rootNamespaceOf(workload) ? "global" : "namespace";
  }
  return selector.matchLabels !== undefined && selects(selector, workload) ? "selector" : undefined;
}

/** `istio.io/dry-run`, read as Go's `strconv.ParseBool` reads a boolean; anything else is not dry-run. */
export function isDryRun(policy: AuthorizationPolicy): boolean {
  const value = policy.metadata.annotations?.["istio.io/dry-run"] ?? "";
  return ["1", "t", "T", "TRUE", "true", "True"].includes(value);
}
