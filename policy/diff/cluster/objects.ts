import { type Finding, PolicyError, type Position } from "../../finding.ts";
import { parseSecurityPolicy } from "../../istio/authorization/index.ts";
import type { SecurityPolicy } from "../../istio/objects.ts";
import { type Cluster, flatten, readCluster } from "../../kubernetes/reach/index.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { ReachInput } from "../../reach/index.ts";
import { type KubeService, readService } from "./service.ts";

/** Where the value at a path stands: the index of the object, then keys and indexes. */
export type Locate = (path: readonly (string | number)[]) => Position | undefined;

/** One object as it was written. */
export interface Written {
  /** `NetworkPolicy/shop/db`; without a namespace where the kind has none. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The same text for the same content. */
  readonly content: string;
  readonly position: Position | undefined;
}

/** Kubernetes and Istio objects, read and checked: one side of a comparison. */
export interface ClusterSide {
  /** Pods, namespaces and NetworkPolicies. */
  readonly cluster: Cluster;
  /** AuthorizationPolicies and PeerAuthentications. */
  readonly policies: readonly SecurityPolicy[];
  /** Kubernetes Services, by whose ports connections are told. */
  readonly services: readonly KubeService[];
  /** By id. */
  readonly written: ReadonlyMap<string, Written>;
  /** What the objects do not say of the mesh. */
  readonly options: Pick<ReachInput, "dataplane" | "trustDomain" | "rootNamespace">;
  /** What was read and does not count. */
  readonly warnings: readonly Finding[];
}

/**
 * Reads Kubernetes and Istio objects for a comparison.
 *
 * @throws PolicyError with everything that is wrong: a comparison of half of the policies would mislead.
 */
export function readClusterSide(
  objects: readonly unknown[],
  locate: Locate = () => undefined,
  options: ClusterSide["options"] = {},
): ClusterSide {
  const { cluster, problems } = readCluster(objects);
  const findings: Finding[] = problems.map(({ path, ...problem }) => withPosition(problem, locate(path)));
  const policies: SecurityPolicy[] = [];
  const services: KubeService[] = [];
  const written = new Map<string, Written>();
  for (const [index, object] of objects.entries()) {
    for (const { value, path } of flatten(object, [index])) {
      const meta = writtenObject(value, locate(path));
      if (meta === undefined) continue;
      written.set(meta.id, meta);
      const wrong = (at: string, message: string): void => {
        const problem = {
          rule: "PR190",
          severity: "error",
          message: `${meta.id}: ${at}: ${message}`,
        } as const;
        findings.push(withPosition(problem, locate([...path, ...steps(at)])));
      };
      if (isSecurityPolicy(value)) {
        const read = parseSecurityPolicy(value);
        if ("policy" in read) policies.push(read.policy);
        else for (const problem of read.problems) wrong(problem.path, problem.message);
      } else if (isService(value)) {
        const read = readService(value, meta);
        if ("service" in read) services.push(read.service);
        else for (const problem of read.problems) wrong(problem.path, problem.message);
      }
    }
  }
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  return { cluster, policies, services, written, options, warnings: findings };
}

function withPosition(finding: Finding, position: Position | undefined): Finding {
  return position === undefined ? finding : { ...finding, position };
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Kinds without a namespace that matter here. */
const CLUSTER_WIDE: ReadonlySet<string> = new Set(["Namespace"]);

function writtenObject(value: unknown, position: Position | undefined): Written | undefined {
  if (!isFields(value) || typeof value.kind !== "string" || !isFields(value.metadata)) return undefined;
  const { kind, metadata } = value;
  const name = String(metadata.name ?? "");
  // As on the API server, an object without a namespace is in `default`, where `kubectl` puts it.
  const namespace = CLUSTER_WIDE.has(kind) ? "" : String(metadata.namespace || "default");
  const { namespace: _, annotations, ...identity } = metadata;
  return {
    id: namespace === "" ? `${kind}/${name}` : `${kind}/${namespace}/${name}`,
    kind,
    namespace,
    name,
    labels: texts(metadata.labels),
    annotations: texts(annotations),
    content: canonicalJson({ ...value, metadata: { ...identity, annotations } }),
    position,
  };
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isFields(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text ?? "")]));
}

function isSecurityPolicy(value: unknown): boolean {
  return (
    isFields(value) &&
    (value.kind === "AuthorizationPolicy" || value.kind === "PeerAuthentication") &&
    String(value.apiVersion).startsWith("security.istio.io/")
  );
}

/** Knative has a `Service` too. */
function isService(value: unknown): boolean {
  return isFields(value) && value.kind === "Service" && (value.apiVersion ?? "v1") === "v1";
}

/** `spec.rules[0]` as `["spec", "rules", 0]`. */
function steps(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+/g)].map(([step]) => (/^\d+$/.test(step) ? Number(step) : step));
}
