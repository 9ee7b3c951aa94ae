import { CRDS } from "./crds.gen.ts";
import { isFields } from "./node.ts";

/** The part of a structural OpenAPI v3 schema that Istio's CRDs use. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

/** A rule in CEL on the value of its schema node, `self`. */
export interface CelRule {
  readonly rule: string;
  readonly message?: string;
}

const parsed = new Map<string, Schema>();

/** The schema of an Istio kind, or why there is none: `kind` is not Istio's, or this version of it is not served. */
export function findSchema(
  group: string,
  version: string,
  kind: string,
): Schema | "unknown-kind" | "unknown-version" {
  const key = `${group}/${kind}`;
  const crd = Object.hasOwn(CRDS, key) ? CRDS[key] : undefined;
  if (crd === undefined) return "unknown-kind";
  if (!crd.versions.includes(version)) return "unknown-version";
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const schema = parseSchema(crd.schema);
  parsed.set(key, schema);
  return schema;
}

/** The versions that are served of an Istio kind. */
export function servedVersions(group: string, kind: string): readonly string[] {
  return CRDS[`${group}/${kind}`]?.versions ?? [];
}

/** `group/Kind` of every kind that has a CRD here. */
export const CRD_KINDS: readonly string[] = Object.keys(CRDS);

function parseSchema(json: string): Schema {
  const schema: unknown = JSON.parse(json);
  if (!isFields(schema)) throw new TypeError("a CRD schema is not an object");
  // The text is generated from CRDs that an API server has accepted, so its shape is known.
  return schema as Schema;
}
