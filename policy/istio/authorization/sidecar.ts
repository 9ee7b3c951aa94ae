import { compareText } from "../../finding.ts";
import type { AuthorizationPolicy, ExtensionProvider } from "../objects.ts";
import { auditNote, dryRunNote, noRulesNote, ruleNotes, targetNote } from "./notes.ts";
import { anonymous, type Peer, toPeer } from "./peer.ts";
import { sidecarMode } from "./peer-authentication.ts";
import { authorizationPolicies, type HeldRule, peerAuthentications } from "./policies.ts";
import { type ProviderState, providerState } from "./provider.ts";
import { compileSidecarRule } from "./rule-sidecar.ts";
import { appliesToSidecar, inScope, isDryRun, nameOf, namespaceOf, targetsOf } from "./select.ts";
import { type IstioVerdict, type Judge, MESH_DEFAULTS, type PolicySet } from "./types.ts";

/** One filter of the chain that decides about a TCP connection, in the order in which Envoy runs them. */
type Filter =
  | { readonly kind: "deny"; readonly rules: readonly HeldRule[] }
  | { readonly kind: "ask"; readonly rules: readonly HeldRule[]; readonly provider: string }
  | { readonly kind: "allow"; readonly rules: readonly HeldRule[] };

/** Compiles the policies that a sidecar would get, as istiod builds its inbound TCP filter chains. */
export function compileSidecar(set: PolicySet): Judge {
  const { workload } = set;
  const notes: string[] = [];
  const all = authorizationPolicies(set.policies);
  const applying = all.filter((policy) => appliesToSidecar(policy, workload));
  for (const policy of all) {
    if (inScope(policy, workload) && targetsOf(policy).length > 0 && !applying.includes(policy)) {
      notes.push(targetNote(policy));
    }
  }
  const trustDomains = [
    workload.trustDomain ?? MESH_DEFAULTS.trustDomain,
    ...(workload.trustDomainAliases ?? []),
  ];
  const hold = (policies: readonly AuthorizationPolicy[]): readonly HeldRule[] =>
    policies.flatMap((policy) => heldRules(policy, trustDomains, notes)).sort(byEnvoyName);

  const of = (action: string) => applying.filter((policy) => (policy.spec?.action ?? "ALLOW") === action);
  const enforced = (policies: readonly AuthorizationPolicy[]) =>
    policies.filter((policy) => !isDryRun(policy));
  notes.push(...of("AUDIT").map(auditNote));
  notes.push(...[...of("DENY"), ...of("ALLOW")].filter(isDryRun).map(dryRunNote));

  const filters: Filter[] = customFilters(of("CUSTOM"), set.mesh?.extensionProviders ?? [], hold, notes);
  const deny = enforced(of("DENY"));
  const allow = enforced(of("ALLOW"));
  if (deny.length > 0) filters.push({ kind: "deny", rules: hold(deny) });
  if (allow.length > 0) filters.push({ kind: "allow", rules: hold(allow) });

  const mode = sidecarMode(peerAuthentications(set.policies), workload);
  return (connection) => {
    const peer = toPeer(connection);
    const { mode: mtls, policy } = mode(peer.port);
    const said = [...notes];
    if (peer.principal === "" && mtls === "STRICT") {
      said.push(`plaintext refused: PeerAuthentication ${policy ?? ""} is STRICT for port ${peer.port}`);
      return { verdict: "deny", by: null, notes: said };
    }
    if (peer.principal !== "" && mtls === "DISABLE") {
      said.push(
        `PeerAuthentication ${policy ?? ""} is DISABLE for port ${peer.port}: the sidecar does not terminate the peer's mTLS and sees no identity`,
      );
      return runFilters(filters, anonymous(peer), set.authorizer ?? "deny", said);
    }
    noteForeignTrustDomain(peer, trustDomains, said);
    return runFilters(filters, peer, set.authorizer ?? "deny", said);
  };
}

function runFilters(
  filters: readonly Filter[],
  peer: Peer,
  authorizer: "allow" | "deny",
  notes: string[],
): IstioVerdict {
  let verdict: IstioVerdict = { verdict: "allow", by: null, notes };
  for (const filter of filters) {
    const matched = filter.rules.find((rule) => rule.test(peer));
    switch (filter.kind) {
      case "deny":
        if (matched) return { verdict: "deny", by: matched.by, notes };
        break;
      case "ask":
        if (!matched) break;
        notes.push(
          `${matched.by.policy} rule ${matched.by.rule} asks the external authorizer "${filter.provider}"; its answer is taken to be ${authorizer === "deny" ? "no" : "yes"}`,
        );
        if (authorizer === "deny") return { verdict: "deny", by: matched.by, notes };
        break;
      case "allow":
        if (!matched) return { verdict: "deny", by: null, notes };
        verdict = { verdict: "allow", by: matched.by, notes };
        break;
    }
  }
  return verdict;
}

/**
 * CUSTOM policies, one filter pair for each provider. Two facts that Istio's documentation does not have: policies of
 * several providers on one workload are all turned into DENY (PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS is off by
 * default), and a dry-run policy of a gRPC provider is put where Envoy enforces it, as a DENY.
 */
function customFilters(
  policies: readonly AuthorizationPolicy[],
  providers: readonly ExtensionProvider[],
  hold: (policies: readonly AuthorizationPolicy[]) => readonly HeldRule[],
  notes: string[],
): Filter[] {
  const names = [...new Set(policies.map(providerName))].sort(compareText);
  return names.flatMap((name) =>
    providerFilters(
      policies.filter((policy) => providerName(policy) === name),
      name,
      names.length > 1 ? SEVERAL : providerState(name, providers),
      hold,
      notes,
    ),
  );
}

function providerName(policy: AuthorizationPolicy): string {
  return policy.spec?.provider?.name ?? "";
}

function providerFilters(
  policies: readonly AuthorizationPolicy[],
  name: string,
  state: ProviderState,
  hold: (policies: readonly AuthorizationPolicy[]) => readonly HeldRule[],
  notes: string[],
): Filter[] {
  const enforced = policies.filter((policy) => !isDryRun(policy));
  const dryRun = policies.filter(isDryRun);
  const note = (of: readonly AuthorizationPolicy[], what: string) =>
    notes.push(...of.map((policy) => `CUSTOM policy ${nameOf(policy)} ${what}`));
  switch (state.state) {
    case "broken":
      notes.push(...dryRun.map(dryRunNote));
      note(enforced, `denies what it matches: provider "${name}": ${state.why}`);
      return [{ kind: "deny", rules: hold(enforced) }];
    case "skipped":
      note(policies, `does nothing on TCP: provider "${name}" is an HTTP authorizer`);
      return [];
    case "asked":
      note(dryRun, "is dry-run, but istiod has Envoy deny what a dry-run CUSTOM policy matches");
      return [
        { kind: "deny", rules: hold(dryRun) },
        { kind: "ask", rules: hold(enforced), provider: name },
      ];
  }
}

const SEVERAL: ProviderState = {
  state: "broken",
  why: "CUSTOM policies of several providers on one workload are not supported",
};

function heldRules(
  policy: AuthorizationPolicy,
  trustDomains: readonly string[],
  notes: string[],
): readonly HeldRule[] {
  const rules = policy.spec?.rules ?? [];
  if (rules.length === 0) notes.push(noRulesNote(policy));
  const action = (policy.spec?.action ?? "ALLOW") === "ALLOW" ? "ALLOW" : "DENY";
  return rules.flatMap((rule, index) => {
    const compiled = compileSidecarRule(rule, { namespace: namespaceOf(policy), trustDomains, action });
    notes.push(...ruleNotes(policy, index, compiled, "sidecar"));
    return compiled.test === undefined
      ? []
      : [{ by: { policy: nameOf(policy), rule: index }, test: compiled.test }];
  });
}

/** Envoy tries rules in the order of the names that istiod gives them, so rule 10 comes before rule 2. */
function byEnvoyName(a: HeldRule, b: HeldRule): number {
  return compareText(envoyName(a), envoyName(b));
}

function envoyName({ by }: HeldRule): string {
  const slash = by.policy.indexOf("/");
  return `ns[${by.policy.slice(0, slash)}]-policy[${by.policy.slice(slash + 1)}]-rule[${by.rule}]`;
}

/** The identity is taken as given; with Istio's defaults a certificate of an unknown trust domain fails the handshake. */
function noteForeignTrustDomain(peer: Peer, trustDomains: readonly string[], notes: string[]): void {
  const trustDomain = peer.principal.split("/")[0] ?? "";
  if (trustDomain === "" || trustDomains.includes(trustDomain)) return;
  notes.push(
    `trust domain "${trustDomain}" is neither the mesh's nor an alias: unless meshConfig.caCertificates names it, the sidecar refuses the peer's certificate`,
  );
}
