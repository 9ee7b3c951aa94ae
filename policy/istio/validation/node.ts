/** Keys and indices that lead from an object's root to a value. */
export type Path = readonly (string | number)[];

/** A value inside an object, with the way to it. `value` is undefined where the field is not set. */
export interface Node {
  readonly value: unknown;
  readonly path: Path;
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function root(value: unknown): Node {
  return { value, path: [] };
}

/** The value below these keys; a key may be given as its JSON name and its proto name, of which the first is used. */
export function at(node: Node, ...keys: readonly (string | number)[]): Node {
  let value = node.value;
  for (const key of keys) {
    if (typeof key === "number") value = Array.isArray(value) ? value[key] : undefined;
    else value = isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return { value, path: [...node.path, ...keys] };
}

/** Whether the field is set at all: null is unset, as it is once the object is decoded into its proto message. */
export function isSet(node: Node): boolean {
  return node.value !== undefined && node.value !== null;
}

/** The elements of a list; none where it is not set. */
export function items(node: Node): readonly Node[] {
  if (!Array.isArray(node.value)) return [];
  return node.value.map((value: unknown, index) => ({ value, path: [...node.path, index] }));
}

/** The entries of a map or message; none where it is not set. */
export function entries(node: Node): readonly (readonly [string, Node])[] {
  if (!isFields(node.value)) return [];
  return Object.entries(node.value).map(([key, value]) => [key, { value, path: [...node.path, key] }]);
}

/** A string field; "" where it is not set, as in proto3. */
export function text(node: Node): string {
  return typeof node.value === "string" ? node.value : "";
}

/** A number field; 0 where it is not set. */
export function num(node: Node): number {
  return typeof node.value === "number" ? node.value : 0;
}

/** A boolean field; false where it is not set. */
export function flag(node: Node): boolean {
  return node.value === true;
}

export function texts(node: Node): readonly string[] {
  return items(node).map(text);
}

/** A path as people write it: `spec.ports[0].number`, `metadata.labels["a.b/c"]`; `(object)` for the root. */
export function formatPath(path: Path): string {
  let out = "";
  for (const step of path) {
    if (typeof step === "number") out += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) out += `[${JSON.stringify(step)}]`;
    else out += out === "" ? step : `.${step}`;
  }
  return out === "" ? "(object)" : out;
}
