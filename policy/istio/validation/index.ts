import { checkAuthorizationPolicy } from "./authorization-policy.ts";
import { checkCel } from "./cel.ts";
import type { Check, Meta } from "./check.ts";
import { findSchema, servedVersions } from "./crd.ts";
import { checkDestinationRule } from "./destination-rule.ts";
import { checkEnvoyFilter } from "./envoy-filter.ts";
import { checkGateway } from "./gateway.ts";
import { checkMetadata } from "./metadata.ts";
import { checkNetworkPolicyObject } from "./network-policy.ts";
import { at, isFields, isSet, root, text } from "./node.ts";
import { checkPeerAuthentication } from "./peer-authentication.ts";
import { checkProxyConfig } from "./proxy-config.ts";
import { type Reason, Report } from "./report.ts";
import { checkRequestAuthentication } from "./request-authentication.ts";
import { checkSchema } from "./schema.ts";
import { checkServiceEntry } from "./service-entry.ts";
import { checkSidecar } from "./sidecar.ts";
import { prepare } from "./structural.ts";
import { checkTelemetry } from "./telemetry.ts";
import { checkVirtualService } from "./virtual-service.ts";
import { checkTrafficExtension, checkWasmPlugin } from "./wasm-plugin.ts";
import { checkWebhookAnnotations } from "./webhook-annotations.ts";
import { checkWorkloadEntry } from "./workload-entry.ts";
import { checkWorkloadGroup } from "./workload-group.ts";

export { formatPath, type Path } from "./node.ts";
export type { Reason, ReasonSeverity } from "./report.ts";

/** `invalid`: refused. `warning`: accepted, with a warning. `valid`: accepted without a word. */
export type ValidationVerdict = "valid" | "warning" | "invalid";

export interface Validation {
  readonly verdict: ValidationVerdict;
  /** Errors and warnings in the order in which they were found; empty when `valid`. */
  readonly reasons: readonly Reason[];
}

const CHECKS: Readonly<Record<string, Check>> = {
  "extensions.istio.io/TrafficExtension": checkTrafficExtension,
  "extensions.istio.io/WasmPlugin": checkWasmPlugin,
  "networking.istio.io/DestinationRule": checkDestinationRule,
  "networking.istio.io/EnvoyFilter": checkEnvoyFilter,
  "networking.istio.io/Gateway": checkGateway,
  "networking.istio.io/ProxyConfig": checkProxyConfig,
  "networking.istio.io/ServiceEntry": checkServiceEntry,
  "networking.istio.io/Sidecar": checkSidecar,
  "networking.istio.io/VirtualService": checkVirtualService,
  "networking.istio.io/WorkloadEntry": checkWorkloadEntry,
  "networking.istio.io/WorkloadGroup": checkWorkloadGroup,
  "security.istio.io/AuthorizationPolicy": checkAuthorizationPolicy,
  "security.istio.io/PeerAuthentication": checkPeerAuthentication,
  "security.istio.io/RequestAuthentication": checkRequestAuthentication,
  "telemetry.istio.io/Telemetry": checkTelemetry,
};

/** `group/Kind` of everything that {@link validateObject} knows the rules of. */
export const VALIDATED_KINDS: readonly string[] = [...Object.keys(CHECKS), "networking.k8s.io/NetworkPolicy"];

/**
 * Whether an API server with Istio's CRDs, and istiod's validating webhook behind it, would accept this object when
 * it is created with strict field validation (as `kubectl apply` asks for). Offline; looks at the one object only.
 *
 * Source of the rules: the CRDs of istio.io/api (schema and CEL), `pkg/config/validation` of istio.io/istio, and for
 * NetworkPolicy `pkg/apis/networking/validation` of Kubernetes.
 *
 * @example validateObject(parse(yaml)).verdict === "invalid"
 */
export function validateObject(object: unknown): Validation {
  const report = new Report();
  validate(object, report);
  const { reasons } = report;
  return { verdict: report.failed ? "invalid" : reasons.length > 0 ? "warning" : "valid", reasons };
}

/** Whether the rules of this object's kind are known. */
export function isValidatedKind(object: unknown): boolean {
  const { group, kind } = typeOf(object);
  return VALIDATED_KINDS.includes(`${group}/${kind}`);
}

function typeOf(object: unknown): {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
} {
  const node = root(object);
  const apiVersion = text(at(node, "apiVersion"));
  const slash = apiVersion.indexOf("/");
  return {
    group: apiVersion.slice(0, Math.max(slash, 0)),
    version: apiVersion.slice(slash + 1),
    kind: text(at(node, "kind")),
  };
}

function validate(object: unknown, report: Report): void {
  if (!isFields(object)) {
    report.error(root(object), "must be an object with apiVersion, kind and metadata");
    return;
  }
  const { group, version, kind } = typeOf(object);
  if (`${group}/${kind}` === "networking.k8s.io/NetworkPolicy") {
    checkNetworkPolicyObject(object, version, report);
    return;
  }
  const schema = findSchema(group, version, kind);
  if (schema === "unknown-version") {
    report.error(
      at(root(object), "apiVersion"),
      `${kind} has no version ${version}; use ${servedVersions(group, kind).join(" or ")} of ${group}`,
    );
    return;
  }
  if (schema === "unknown-kind") {
    report.error(
      at(root(object), "kind"),
      `no kind ${JSON.stringify(kind)} is known in ${JSON.stringify(group)}`,
    );
    return;
  }
  const prepared = prepare(object, schema, report);
  checkMetadata(at(prepared, "metadata"), report);
  checkSchema(prepared, schema, report);
  // The API server asks the later stages only about what has passed the earlier ones.
  if (report.failed) return;
  checkCel(prepared, schema, report);
  if (report.failed) return;
  const check = CHECKS[`${group}/${kind}`];
  if (check === undefined) throw new TypeError(`${group}/${kind} has a CRD but no rules`);
  const metadata = at(prepared, "metadata");
  const meta: Meta = {
    name: text(at(metadata, "name")) || `${text(at(metadata, "generateName"))}00000`,
    namespace: text(at(metadata, "namespace")) || "default",
    labels: at(metadata, "labels"),
    annotations: at(metadata, "annotations"),
  };
  const spec = at(prepared, "spec");
  checkWebhookAnnotations(
    meta,
    kind === "AuthorizationPolicy" ? text(at(spec, "action")) || "ALLOW" : undefined,
    report,
  );
  check(isSet(spec) ? spec : { value: {}, path: ["spec"] }, meta, report);
}
