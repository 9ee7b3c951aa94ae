import type { MergedRule } from "./destination-rules.ts";
import type { Subset, TlsSettings, TrafficPolicy } from "./schema.ts";
import type { DestinationRule, Path } from "./world.ts";

export type TlsMode = "DISABLE" | "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";

/** How a client's proxy dials a port. */
export type ClientMode =
  /** No `tls`: Istio sends mTLS to each endpoint that takes it, else plaintext. Never a conflict of its own. */
  | { readonly type: "auto" }
  | {
      readonly type: "set";
      readonly mode: TlsMode;
      readonly rule: DestinationRule;
      /** Where the mode is written. */
      readonly path: Path;
      /** Why it is not the mode that is written, where it is not. */
      readonly because?: string;
      /** True where it only says which endpoints get mTLS, in a cluster for which Istio itself decides whether there is any. */
      readonly endpointsOnly?: boolean;
    };

interface Written {
  readonly tls: TlsSettings;
  readonly path: Path;
}

const AUTO: ClientMode = { type: "auto" };

/**
 * The TLS mode that a rule sets for a port, of the service itself or of a subset.
 *
 * The cluster's settings are those of `portLevelSettings` alone where the port is named there, else the whole policy's; a
 * subset's come before the rule's (pilot/pkg/networking/util, MergeSubsetTrafficPolicy). When that leaves no `tls`, Istio
 * decides for each endpoint, but in doing so looks at the whole policy's mode even for a port with settings of its own
 * (pilot/pkg/xds/endpoints/mtls_checker.go): ISTIO_MUTUAL there still means mTLS, every other mode plaintext.
 */
export function clientMode(merged: MergedRule | undefined, port: number, subsetName?: string): ClientMode {
  if (merged === undefined) return AUTO;
  const selected = merged.subsets.find(({ subset }) => subset.name === subsetName);
  const top = merged.policy && {
    policy: merged.policy.trafficPolicy,
    rule: merged.policy.rule,
    path: [...merged.policy.rule.path, "spec", "trafficPolicy"],
  };
  const own = selected && subsetPolicy(selected.subset, selected.rule, selected.index);
  const layers = [own, top].filter((layer) => layer !== undefined);
  for (const { policy, rule, path } of layers) {
    const settings = portSettings(policy, port, path);
    const written = settings === undefined ? tlsOf(policy.tls, path) : tlsOf(settings.tls, settings.path);
    if (written !== undefined) return fromTls(written, rule, merged);
    // A port's own settings end the search: they do not inherit.
    if (settings !== undefined) break;
  }
  for (const { policy, rule, path } of layers) {
    const written = tlsOf(policy.tls, path);
    if (written === undefined) continue;
    const mode = written.tls.mode ?? "DISABLE";
    const because = `${mode} of the whole policy still counts for the endpoints of a port whose own settings have no tls`;
    return {
      type: "set",
      mode: mode === "ISTIO_MUTUAL" ? mode : "DISABLE",
      rule,
      path: written.path,
      because,
      endpointsOnly: true,
    };
  }
  return AUTO;
}

function subsetPolicy(subset: Subset, rule: DestinationRule, index: number) {
  if (!subset.trafficPolicy) return undefined;
  return {
    policy: subset.trafficPolicy,
    rule,
    path: [...rule.path, "spec", "subsets", index, "trafficPolicy"],
  };
}

function portSettings(policy: TrafficPolicy, port: number, path: Path) {
  const all = policy.portLevelSettings ?? [];
  const index = all.findIndex((settings) => settings.port?.number === port);
  const found = all[index];
  return found && { tls: found.tls, path: [...path, "portLevelSettings", index] };
}

function tlsOf(tls: TlsSettings | null | undefined, path: Path): Written | undefined {
  return tls ? { tls, path: [...path, "tls"] } : undefined;
}

function fromTls({ tls, path }: Written, rule: DestinationRule, merged: MergedRule): ClientMode {
  const mode = tls.mode ?? "DISABLE";
  const at = tls.mode ? [...path, "mode"] : path;
  // A sidecar reads no secret unless the rule names its pods (cluster_tls.go, privilegedCredentialLookup).
  const ignored =
    (mode === "SIMPLE" || mode === "MUTUAL") &&
    Boolean(tls.credentialName) &&
    !tls.credentialName?.startsWith("configmap://") &&
    merged.selector === undefined;
  if (ignored) {
    const because = `${mode} with credentialName is plaintext at a sidecar unless the rule has a workloadSelector`;
    return { type: "set", mode: "DISABLE", rule, path: at, because };
  }
  const because = tls.mode ? {} : { because: "tls without a mode is DISABLE" };
  return { type: "set", mode, rule, path: at, ...because };
}
