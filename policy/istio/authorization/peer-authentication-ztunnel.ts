import type { PeerAuthentication } from "../objects.ts";
import { modeOf, oldest, peerScopes } from "./peer-authentication.ts";
import { nameOf, namespaceOf, rootNamespaceOf, selects } from "./select.ts";
import type { TargetWorkload } from "./types.ts";

/** Names the PeerAuthentication that has a plaintext connection to this port refused; `undefined` when none has. */
export type PlaintextRefusal = (port: number) => string | undefined;

/** The modes that decide in ambient mode: DISABLE is not told apart from PERMISSIVE, as ztunnel always offers both. */
type Strictness = "strict" | "lax" | undefined;

function strictness(policy: PeerAuthentication | undefined): Strictness {
  const mode = modeOf(policy?.spec?.mtls);
  return mode === undefined ? undefined : mode === "STRICT" ? "strict" : "lax";
}

/**
 * What ztunnel refuses in plaintext. istiod turns PeerAuthentication into DENY policies for ztunnel
 * (pilot/pkg/serviceregistry/ambient/authorization.go): one fixed policy "no identity, no entry", or one made from a
 * workload's port-level modes. This states the result of that conversion, with its gaps:
 *
 * - of a policy whose labels are absent but whose `selector` is present, only the own namespace knows;
 * - a port-level STRICT under a lax workload policy is lost when the mesh is STRICT and the namespace says nothing;
 * - a port-level DISABLE under an unset workload policy and a STRICT parent is no exception, but PERMISSIVE is.
 */
export function ztunnelPlaintext(
  policies: readonly PeerAuthentication[],
  workload: TargetWorkload,
): PlaintextRefusal {
  const root = rootNamespaceOf(workload);
  const attached = policies.filter((policy) => isAttached(policy, workload, root));
  const scopes = peerScopes(attached, workload);
  const parent = [scopes.namespace, scopes.mesh].find((policy) => strictness(policy) !== undefined);
  const own = strictness(scopes.workload);
  const governing = own === undefined ? parent : scopes.workload;
  const whole = strictness(governing) === "strict" && governing !== undefined ? nameOf(governing) : undefined;
  const ports = portModes(scopes.workload);
  if (scopes.workload === undefined || ports.size === 0) return () => whole;

  const exception = [...ports.values()].some(
    // DISABLE counts as an exception only below a workload policy that itself says STRICT.
    (mode) => mode === "PERMISSIVE" || (mode === "DISABLE" && own === "strict"),
  );
  const tightening = [...ports.values()].includes("STRICT");
  if (whole === undefined ? !tightening : !exception) return () => whole;
  // The converted policy replaces the fixed one.
  return convertedPolicy(scopes.workload, {
    namespace: oldest(withoutSelector(policies, workload.namespace)),
    mesh: oldest(withoutSelector(policies, root)),
  });
}

function isAttached(policy: PeerAuthentication, workload: TargetWorkload, root: string): boolean {
  const { selector } = policy.spec ?? {};
  if (namespaceOf(policy) === root && selector === undefined) return true;
  return namespaceOf(policy) === workload.namespace && selects(selector, workload);
}

function withoutSelector(
  policies: readonly PeerAuthentication[],
  namespace: string,
): readonly PeerAuthentication[] {
  return policies.filter(
    (policy) => namespaceOf(policy) === namespace && policy.spec?.selector === undefined,
  );
}

function portModes(
  policy: PeerAuthentication | undefined,
): ReadonlyMap<number, "DISABLE" | "PERMISSIVE" | "STRICT"> {
  return new Map(
    Object.entries(policy?.spec?.portLevelMtls ?? {}).flatMap(([port, mtls]) => {
      const mode = modeOf(mtls);
      return mode === undefined ? [] : [[Number(port), mode] as const];
    }),
  );
}

/** A workload policy with port-level modes, as the DENY policy that istiod makes of it. */
function convertedPolicy(
  policy: PeerAuthentication,
  parents: {
    readonly namespace: PeerAuthentication | undefined;
    readonly mesh: PeerAuthentication | undefined;
  },
): PlaintextRefusal {
  const own = strictness(policy);
  const namespace = strictness(parents.namespace);
  const mesh = strictness(parents.mesh);
  const meshDecides = namespace === undefined && mesh === "strict";
  // The third case does not ask whether the workload policy itself is lax: that is the gap named above.
  const strictAnyway = own === "strict" || (own === undefined && namespace === "strict") || meshDecides;
  const laxAnyway =
    own === "lax" ||
    (own === undefined && (parents.namespace === undefined ? mesh !== "strict" : namespace !== "strict"));

  const open = new Set<number>();
  const closed = new Set<number>();
  for (const [port, mode] of portModes(policy)) {
    if (mode === "STRICT") {
      if (!strictAnyway) closed.add(port);
    } else if (!laxAnyway) open.add(port);
  }
  const name = nameOf(policy);
  if (own === "strict" && open.size === 0) return () => undefined;
  const parentStrict = namespace === "strict" || meshDecides;
  const merged = own === "strict" || (parentStrict && open.size > 0);
  return (port) => {
    if (closed.has(port)) return name;
    // Every open port is one more clause "not this port", and all clauses have to match.
    return merged && !open.has(port) ? name : undefined;
  };
}
