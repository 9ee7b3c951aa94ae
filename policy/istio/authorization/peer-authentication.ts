import { compareText } from "../../finding.ts";
import type { MutualTls, MutualTlsMode, PeerAuthentication } from "../objects.ts";
import { nameOf, namespaceOf, rootNamespaceOf, selects } from "./select.ts";
import type { TargetWorkload } from "./types.ts";

/** The mode in effect, and the policy that sets it, as `namespace/name`; none when it is Istio's default. */
export interface EffectiveMode {
  readonly mode: "DISABLE" | "PERMISSIVE" | "STRICT";
  readonly policy?: string;
}

/** The oldest policy of each scope that applies to a workload. */
export interface PeerScopes {
  readonly mesh: PeerAuthentication | undefined;
  readonly namespace: PeerAuthentication | undefined;
  readonly workload: PeerAuthentication | undefined;
}

/** The mode that is written, or `undefined` where it is inherited. */
export function modeOf(mtls: MutualTls | undefined): Exclude<MutualTlsMode, "UNSET"> | undefined {
  return mtls?.mode === "UNSET" ? undefined : mtls?.mode;
}

/** A policy for named labels; one without labels is for a whole namespace, or from the root namespace for the mesh. */
function hasLabels(policy: PeerAuthentication): boolean {
  return Object.keys(policy.spec?.selector?.matchLabels ?? {}).length > 0;
}

/** The oldest; of one time the first by name, as istiod sorts. An object without a time is not created yet: the youngest. */
export function oldest(policies: readonly PeerAuthentication[]): PeerAuthentication | undefined {
  const time = (policy: PeerAuthentication): number => {
    const at = Date.parse(policy.metadata.creationTimestamp ?? "");
    return Number.isNaN(at) ? Number.POSITIVE_INFINITY : at;
  };
  return [...policies].sort((a, b) => {
    const [x, y] = [time(a), time(b)];
    return x === y ? compareText(a.metadata.name, b.metadata.name) : x - y;
  })[0];
}

/** A policy with labels in the root namespace applies to nothing, not even to workloads there. */
export function peerScopes(policies: readonly PeerAuthentication[], workload: TargetWorkload): PeerScopes {
  const root = rootNamespaceOf(workload);
  const own = policies.filter((policy) => namespaceOf(policy) === workload.namespace);
  return {
    mesh: oldest(policies.filter((policy) => namespaceOf(policy) === root && !hasLabels(policy))),
    namespace: workload.namespace === root ? undefined : oldest(own.filter((policy) => !hasLabels(policy))),
    workload:
      workload.namespace === root
        ? undefined
        : oldest(own.filter((policy) => hasLabels(policy) && selects(policy.spec?.selector, workload))),
  };
}

/**
 * The mode of a sidecar's port: the workload's port-level mode, else the workload's, the namespace's, the mesh's, else
 * PERMISSIVE (pilot/pkg/security/authn/policy_applier.go). Ports are the workload's own.
 */
export function sidecarMode(
  policies: readonly PeerAuthentication[],
  workload: TargetWorkload,
): (port: number) => EffectiveMode {
  const scopes = peerScopes(policies, workload);
  const whole = firstMode([scopes.workload, scopes.namespace, scopes.mesh]);
  const ports = scopes.workload?.spec?.portLevelMtls ?? {};
  return (port) => {
    const mode = modeOf(ports[String(port)]);
    return mode !== undefined && scopes.workload !== undefined
      ? { mode, policy: nameOf(scopes.workload) }
      : whole;
  };
}

function firstMode(policies: readonly (PeerAuthentication | undefined)[]): EffectiveMode {
  for (const policy of policies) {
    const mode = modeOf(policy?.spec?.mtls);
    if (policy !== undefined && mode !== undefined) return { mode, policy: nameOf(policy) };
  }
  return { mode: "PERMISSIVE" };
}
