/** A Kubernetes object of which only its being an object is known. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows keys into plain data; undefined where there is nothing. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isFields(inner) ? inner[key] : undefined), value);
}

export function textAt(value: unknown, ...keys: readonly string[]): string {
  const found = at(value, ...keys);
  return typeof found === "string" ? found : "";
}

/** The text entries of a list. */
export function textsAt(value: unknown, ...keys: readonly string[]): string[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found.filter((item) => typeof item === "string") : [];
}

export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found : [];
}

export function labelsAt(value: unknown, ...keys: readonly string[]): Record<string, string> {
  const found = at(value, ...keys);
  if (!isFields(found)) return {};
  return Object.fromEntries(Object.entries(found).map(([key, text]) => [key, String(text)]));
}

/** `Kind/namespace/name`. */
export function idOf(object: unknown): string {
  return `${textAt(object, "kind")}/${textAt(object, "metadata", "namespace") || "default"}/${textAt(object, "metadata", "name")}`;
}

const POLICIES = new Set(["AuthorizationPolicy", "PeerAuthentication", "NetworkPolicy"]);
const WORKLOADS = new Set([
  "CronJob",
  "DaemonSet",
  "Deployment",
  "Job",
  "Pod",
  "ReplicaSet",
  "ReplicationController",
  "Rollout",
  "StatefulSet",
]);

export const isPolicy = (object: unknown): boolean => POLICIES.has(textAt(object, "kind"));
export const isNetworkPolicy = (object: unknown): boolean => textAt(object, "kind") === "NetworkPolicy";

/** A workload that somebody else than Portreeve runs. */
export function isForeignWorkload(object: unknown): boolean {
  return (
    WORKLOADS.has(textAt(object, "kind")) &&
    labelsAt(object, "metadata", "labels")["app.kubernetes.io/managed-by"] !== "portreeve"
  );
}

/** The object without what only a running cluster adds to it, so that desired and live compare. */
export function withoutServerFields(object: unknown): unknown {
  if (!isFields(object) || !isFields(object["metadata"])) return object;
  const { status: _, ...rest } = object;
  const { uid, resourceVersion, generation, managedFields, selfLink, ...metadata } = object["metadata"];
  const annotations = labelsAt(metadata, "annotations");
  const kept = Object.entries(annotations).filter(([key]) => !key.startsWith("kubectl.kubernetes.io/"));
  return {
    ...rest,
    metadata: {
      ...metadata,
      ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : { annotations: undefined }),
    },
  };
}
