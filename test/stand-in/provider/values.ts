/** Property values as the engine sends them, as plain JavaScript. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Struct } =
  require("google-protobuf/google/protobuf/struct_pb.js") as typeof import("google-protobuf/google/protobuf/struct_pb.js");
type StructMessage = InstanceType<typeof Struct>;

export type Value = null | boolean | number | string | readonly Value[] | Props;
export interface Props {
  readonly [key: string]: Value;
}

/** How the engine writes a value that is not known during a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Marks an object that wraps a secret, and the kind of wrapper. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export function isProps(value: Value | undefined): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A secret's plain value. The engine remembers what was secret, and marks it again in what a provider returns. */
function unwrap(value: Value): Value {
  if (Array.isArray(value)) return value.map(unwrap);
  if (!isProps(value)) return value;
  if (value[SIGNATURE] === SECRET) return unwrap(value.value ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrap(inner)]));
}

export function fromStruct(struct: StructMessage | undefined): Props {
  const plain = struct === undefined ? {} : (struct.toJavaScript() as Props);
  return unwrap(plain) as Props;
}

export function toStruct(props: Props): StructMessage {
  // Through JSON, because `undefined` has no protobuf value.
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(props)));
}

/** Does any part of the value await something that is not known yet? */
export function hasUnknown(value: Value | undefined): boolean {
  if (value === UNKNOWN) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isProps(value) && Object.values(value).some(hasUnknown);
}

/** The value at a path of keys; `undefined` when there is none. */
export function at(props: Props, ...path: readonly string[]): Value | undefined {
  let value: Value | undefined = props;
  for (const key of path) {
    if (!isProps(value)) return undefined;
    value = value[key];
  }
  return value;
}

/** The text at a path; `undefined` when there is none or it is not a text. */
export function textAt(props: Props, ...path: readonly string[]): string | undefined {
  const value = at(props, ...path);
  return typeof value === "string" ? value : undefined;
}
