import { compareFindings, type Finding, formatFinding, PolicyError } from "../../policy/finding.ts";
import { type DataPlane, parseSecurityPolicy } from "../../policy/istio/authorization/index.ts";
import type { SecurityPolicy } from "../../policy/istio/objects.ts";
import { flatten, readCluster } from "../../policy/kubernetes/reach/index.ts";
import { type Access, membership, reachAll, unknownAttributes } from "../../policy/reach/index.ts";
import { type Manifests, readManifests } from "../io/manifests.ts";

export interface FolderOptions {
  readonly dataplane?: DataPlane;
  readonly trustDomain?: string;
  readonly rootNamespace?: string;
}

/**
 * Who can reach what in the cluster that YAML and JSON files, or folders of them, describe.
 *
 * @returns the rows, and warnings as text.
 * @throws PolicyError with the position of everything that is wrong: an answer from half of the policies would mislead.
 */
export function reachFolder(
  paths: readonly string[],
  options: FolderOptions,
): { rows: readonly Access[]; warnings: readonly string[] } {
  const manifests = readManifests(paths);
  const { cluster, problems } = readCluster(manifests.objects);
  const security = readSecurityPolicies(manifests);
  const findings: Finding[] = [
    ...manifests.findings,
    ...problems.map(({ path: at, ...problem }) => ({ ...problem, position: manifests.positionOf(at) })),
    ...security.findings,
  ];
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  const { policies } = security;
  const warnings = findings.sort(compareFindings).map(formatFinding);
  const undeclared = policies.length > 0 ? "sidecar" : "none";
  const inMesh = cluster.pods.filter(
    (pod) => membership(pod, cluster, { ...options, undeclared }) !== "none",
  );
  if (manifests.objects.some(isPolicyDocument)) {
    warnings.push(
      "warning: there are portreeve policies in here, which are not what this reads\n" +
        "    fix: ask `portreeve access`, or render them first with `portreeve render`",
    );
  } else if (cluster.pods.length === 0) {
    warnings.push(
      "warning: no workload is in here, so nobody can reach anything\n" +
        "    fix: add the Deployments, StatefulSets or Pods that the policies are about",
    );
  }
  if (policies.length > 0 && cluster.pods.length > 0 && inMesh.length === 0) {
    warnings.push(
      "warning: no workload is in the mesh by the labels of its namespace or pods, so Istio's policies do nothing here\n" +
        "    fix: label the namespaces, or say --data-plane sidecar or ztunnel to take them as in the mesh",
    );
  }
  if (policies.some((policy) => policy.kind === "AuthorizationPolicy" && policy.spec?.action === "CUSTOM")) {
    warnings.push("warning: a CUSTOM policy asks an external authorizer; it is taken to agree");
  }
  for (const key of unknownAttributes(policies)) {
    warnings.push(`warning: a policy asks for ${key}, which manifests do not tell; it is taken not to match`);
  }
  const { access, tunnelBlocked } = reachAll({ cluster, policies, ...options });
  for (const name of tunnelBlocked) {
    warnings.push(
      `warning: NetworkPolicy lets TCP through to ${name}, but not from workloads in ambient mode: they use port 15008\n` +
        "    fix: allow TCP 15008 from and to the workloads concerned, and leave the ports to AuthorizationPolicy",
    );
  }
  return { rows: access, warnings };
}

function readSecurityPolicies(manifests: Manifests): { policies: SecurityPolicy[]; findings: Finding[] } {
  const policies: SecurityPolicy[] = [];
  const findings: Finding[] = [];
  for (const [i, object] of manifests.objects.entries()) {
    for (const { value, path } of flatten(object, [i])) {
      if (!isSecurityPolicy(value)) continue;
      const read = parseSecurityPolicy(value);
      if ("policy" in read) policies.push(read.policy);
      else {
        for (const problem of read.problems) {
          const position = manifests.positionOf([...path, ...steps(problem.path)]);
          const message = `${value.kind}: ${problem.path}: ${problem.message}`;
          findings.push({ rule: "PR190", severity: "error", message, position });
        }
      }
    }
  }
  return { policies, findings };
}

function isSecurityPolicy(value: unknown): value is { readonly kind: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    (value.kind === "AuthorizationPolicy" || value.kind === "PeerAuthentication") &&
    "apiVersion" in value &&
    String(value.apiVersion).startsWith("security.istio.io/")
  );
}

/** `spec.rules[0]` as `["spec", "rules", 0]`. */
function steps(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+/g)].map(([step]) => (/^\d+$/.test(step) ? Number(step) : step));
}

function isPolicyDocument(object: unknown): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "apiVersion" in object &&
    String(object.apiVersion).startsWith("portreeve.dev/")
  );
}
