/** An object of which only its being an object is known. */
export type RawObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What reachability makes of an object: nothing at all for most kinds. */
export type Role =
  | { readonly type: "namespace" }
  | { readonly type: "pod" }
  | { readonly type: "policy" }
  /** `template` is the path from the object to its pod template. */
  | { readonly type: "workload"; readonly template: readonly string[]; readonly templateOptional: boolean }
  /** A policy that also decides what is reachable, but is not evaluated. */
  | { readonly type: "other policy" };

const SPEC_TEMPLATE = ["spec", "template"];
const workload = (template: readonly string[] = SPEC_TEMPLATE, templateOptional = false): Role => ({
  type: "workload",
  template,
  templateOptional,
});

/** By kind: the API groups in which the name means this, and what it is. `extensions` is where old manifests have them. */
const ROLES: Readonly<Record<string, { readonly groups: readonly string[]; readonly role: Role }>> = {
  Namespace: { groups: [""], role: { type: "namespace" } },
  Pod: { groups: [""], role: { type: "pod" } },
  NetworkPolicy: { groups: ["networking.k8s.io", "extensions"], role: { type: "policy" } },
  CronJob: { groups: ["batch"], role: workload(["spec", "jobTemplate", "spec", "template"]) },
  DaemonSet: { groups: ["apps", "extensions"], role: workload() },
  Deployment: { groups: ["apps", "extensions"], role: workload() },
  Job: { groups: ["batch"], role: workload() },
  ReplicaSet: { groups: ["apps", "extensions"], role: workload() },
  ReplicationController: { groups: [""], role: workload() },
  StatefulSet: { groups: ["apps"], role: workload() },
  DeploymentConfig: { groups: ["apps.openshift.io"], role: workload(SPEC_TEMPLATE, true) },
  Rollout: { groups: ["argoproj.io"], role: workload(SPEC_TEMPLATE, true) },
};

const OTHER_POLICY = /NetworkPolicy$/;

/** The role of an object by its kind and API group; a missing `apiVersion` is taken for the right one. */
export function roleOf(object: RawObject): Role | undefined {
  const kind = String(object.kind);
  const entry = Object.hasOwn(ROLES, kind) ? ROLES[kind] : undefined;
  if (entry !== undefined && (object.apiVersion === undefined || entry.groups.includes(groupOf(object)))) {
    return entry.role;
  }
  return OTHER_POLICY.test(kind) ? { type: "other policy" } : undefined;
}

function groupOf(object: RawObject): string {
  const version = String(object.apiVersion);
  const slash = version.indexOf("/");
  return slash < 0 ? "" : version.slice(0, slash);
}

/** The objects of a `List`, of a typed list such as `PodList`, or the object itself; with their paths. */
export function* flatten(
  value: unknown,
  path: readonly (string | number)[],
): Generator<{ readonly value: unknown; readonly path: readonly (string | number)[] }> {
  const items = isObject(value) && typeof value.kind === "string" ? value.items : undefined;
  const kind = isObject(value) ? String(value.kind) : "";
  if (!kind.endsWith("List") || !Array.isArray(items)) {
    yield { value, path };
    return;
  }
  const itemKind = kind.slice(0, -"List".length);
  for (const [i, item] of items.entries()) {
    // The items of a typed list may leave out what its kind already says.
    const named =
      isObject(value) && isObject(item) && item.kind === undefined && itemKind !== ""
        ? { apiVersion: value.apiVersion, ...item, kind: itemKind }
        : item;
    yield* flatten(named, [...path, "items", i]);
  }
}
