/** A resource as the engine shows it to a policy: its inputs, whatever SDK or language made it. */
export interface Resource {
  /** `aws:iam/role:Role`, `kubernetes:networking.istio.io/v1:ServiceEntry`. */
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly props: Fields;
}

export type Fields = Readonly<Record<string, unknown>>;

/** A Kubernetes object of a resource. */
export interface KubernetesObject {
  /** `networking.istio.io/ServiceEntry`; `/Service` in the core group. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: Fields;
  /** The whole object, as the API server will get it. */
  readonly object: Fields;
}

/**
 * The Kubernetes object that a resource stands for. `…Patch` resources are none: they are parts of objects. The type token
 * has the group and kind, so that an object whose `apiVersion` is only known later is still recognised.
 */
export function kubernetesObject({ type, name, props }: Resource): KubernetesObject | undefined {
  const token = /^kubernetes:(?:([^:/]*)\/)?([^:/]+):([A-Za-z]+)$/.exec(type);
  const [, group = "", version = "", kind = ""] = token ?? [];
  if (token === null || kind.endsWith("Patch")) return undefined;
  const metadata = fields(props.metadata);
  const coreGroup = group === "core" ? "" : group;
  return {
    kind: `${coreGroup}/${kind}`,
    name: text(metadata.name) || name,
    namespace: text(metadata.namespace) || "default",
    spec: fields(props.spec),
    object: {
      ...props,
      apiVersion: coreGroup === "" ? version : `${coreGroup}/${version}`,
      kind,
      // Without a name the provider gives one; the API server never sees it absent.
      metadata: text(metadata.name) === "" ? { ...metadata, name } : metadata,
    },
  };
}

/** The fields of a value that has some; none of any other. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The elements of a list; none of anything else. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The texts of a list, or a text alone: IAM and Pulumi allow either. */
export function texts(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
}

/** A sample resource, for the examples of rules. */
export function resource(type: string, name: string, props: Fields): Resource {
  return { type, name, urn: `urn:pulumi:test::sample::${type}::${name}`, props };
}

/** A sample of a Kubernetes object in namespace `shop`. */
export function sample(groupVersion: string, kind: string, name: string, spec: Fields): Resource {
  const apiVersion = groupVersion.startsWith("core/") ? groupVersion.slice(5) : groupVersion;
  return resource(`kubernetes:${groupVersion}:${kind}`, name, {
    apiVersion,
    kind,
    metadata: { name, namespace: "shop" },
    spec,
  });
}
