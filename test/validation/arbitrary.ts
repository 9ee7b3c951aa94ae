// Objects drawn from a kind's own schema, with values on both sides of every rule.
import fc from "fast-check";
import type { Schema } from "../../policy/istio/validation/crd.ts";
import { DURATION_TEXTS, KEYS, MAP_TEXTS, NUMBERS, TEXTS } from "./pools.ts";

/** How an object is drawn. */
export interface Drawing {
  /** How likely it is, in hundred, that a value comes from the whole pool and not from its first, mostly good, part. */
  readonly daring: number;
  /** How likely it is, in hundred, that an optional field is there. */
  readonly presence: number;
}

const ABSENT = Symbol("absent");
const UNNAMED_DURATIONS = new Set(["idleTimeout", "ttl", "budgetInterval"]);

/** Specs of the kind whose schema this is. */
export function specArbitrary(schema: Schema, drawing: Drawing): fc.Arbitrary<unknown> {
  const spec = schema.properties?.spec;
  if (spec === undefined) throw new Error("the schema has no spec");
  return arbitrary(spec, ["spec"], drawing);
}

function arbitrary(schema: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  const good = wellTyped(schema, path, drawing);
  if (drawing.daring === 0) return good;
  return fc.oneof(
    { weight: 400, arbitrary: good },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, 1, "x", true, [], {}, 1.5) },
  );
}

function wellTyped(schema: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "object":
      return objectArbitrary(schema, path, drawing);
    case "array":
      return arrayArbitrary(schema, path, drawing);
    case "string":
      return textArbitrary(schema, path, drawing);
    case "integer":
    case "number":
      return pick(lookup(NUMBERS, path), drawing);
    case "boolean":
      return fc.boolean();
    default:
      return fc.constant({});
  }
}

function arrayArbitrary(schema: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  if (schema.items === undefined) return fc.constant([]);
  const item = arbitrary(schema.items, path, drawing);
  return fc.oneof(
    { weight: 13, arbitrary: fc.array(item, { minLength: 1, maxLength: 1 }) },
    { weight: 6, arbitrary: fc.array(item, { minLength: 2, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  );
}

function textArbitrary(schema: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom<unknown>(...schema.enum);
  const isDuration =
    UNNAMED_DURATIONS.has(path.at(-1) ?? "") ||
    schema["x-kubernetes-validations"]?.some((rule) => rule.rule.includes("duration("));
  return pick(isDuration ? DURATION_TEXTS : lookup(TEXTS, path), drawing);
}

function objectArbitrary(schema: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  if (typeof schema.additionalProperties === "object")
    return mapArbitrary(schema.additionalProperties, path, drawing);
  const properties = Object.entries(schema.properties ?? {});
  const fields = properties.map(([name, child]): fc.Arbitrary<unknown> => {
    const value = arbitrary(child, [...path, name], drawing);
    const weight = presenceOf(name, path, schema, drawing);
    return fc.oneof({ weight, arbitrary: value }, { weight: 100 - weight, arbitrary: fc.constant(ABSENT) });
  });
  const unknown = fc.oneof(
    { weight: 600, arbitrary: fc.constant(false) },
    { weight: drawing.daring === 0 ? 0 : 1, arbitrary: fc.constant(true) },
  );
  const choice = fc.nat({ max: 999 });
  return fc.tuple(fc.tuple(...fields), unknown, choice).map(([values, hasUnknown, chosen]) => {
    const object: Record<string, unknown> = {};
    for (const [index, [name]] of properties.entries())
      if (values[index] !== ABSENT) object[name] = values[index];
    if (hasUnknown) object.nonsense = 1;
    if (chosen % 10 !== 0) keepOneAlternative(object, schema, chosen);
    return object;
  });
}

/**
 * How likely, in hundred, some fields are there. Many of them no schema asks for, but without them nearly every object
 * is refused for the same reason, and little else is ever looked at; others are refused nearly always.
 */
const PRESENCE: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    ["hosts", "host", "route", "destination", "port", "ports", "servers", "operation"].map((name) => [
      name,
      95,
    ]),
  ),
  ...Object.fromEntries(
    ["source", "template", "number", "name", "protocol", "sniHosts", "value", "patch"].map((name) => [
      name,
      95,
    ]),
  ),
  ...Object.fromEntries(
    ["applyTo", "host", "address", "egress", "rules", "jwtRules"].map((name) => [name, 85]),
  ),
  ...Object.fromEntries(
    ["trafficPolicy", "match", "from", "to", "http", "tcp", "probe", "issuer", "sni"].map((name) => [
      name,
      55,
    ]),
  ),
  ...Object.fromEntries(
    ["tls", "ingress", "when", "subsets", "selector", "wasm", "lua"].map((name) => [name, 35]),
  ),
  "server.tls": 60,
  "destination.port": 30,
  "destination.subset": 20,
  "port.targetPort": 3,
  "http.redirect": 5,
  "http.directResponse": 5,
  "http.delegate": 3,
  "servers.name": 20,
};

function presenceOf(name: string, path: readonly string[], schema: Schema, drawing: Drawing): number {
  if (schema.required?.includes(name)) return 97;
  const known = PRESENCE[`${path.at(-1)}.${name}`] ?? PRESENCE[name];
  return known ?? Math.max(2, Math.round(drawing.presence / Math.max(1, (path.length - 1) / 2)));
}

/** Mostly, one of the alternatives of a `oneOf` at most: two of them are refused, and hide every other reason. */
function keepOneAlternative(object: Record<string, unknown>, schema: Schema, chosen: number): void {
  const groups = [schema.oneOf, ...(schema.allOf ?? []).map((one) => one.oneOf)];
  for (const group of groups) {
    const names = (group ?? []).flatMap((one) => one.required ?? []).filter((name) => name in object);
    for (const name of names) if (name !== names[chosen % names.length]) delete object[name];
  }
}

function mapArbitrary(values: Schema, path: readonly string[], drawing: Drawing): fc.Arbitrary<unknown> {
  const name = path.at(-1) ?? "";
  const key = pick(KEYS[name] ?? KEYS["*"] ?? [], drawing);
  const value =
    values.type === "string"
      ? pick(MAP_TEXTS[name] ?? MAP_TEXTS["*"] ?? [], drawing)
      : arbitrary(values, path, drawing);
  return fc
    .array(fc.tuple(key, value), { maxLength: 2 })
    .map((pairs) => Object.fromEntries(pairs.map(([k, v]) => [String(k), v])));
}

/** The pool of the last two names of a path, or of the last one. */
function lookup<T>(pools: Readonly<Record<string, readonly T[]>>, path: readonly string[]): readonly T[] {
  return pools[path.slice(-2).join(".")] ?? pools[path.at(-1) ?? ""] ?? pools["*"] ?? [];
}

function pick<T>(pool: readonly T[], drawing: Drawing): fc.Arbitrary<T> {
  const usual = pool.slice(0, Math.max(2, Math.ceil(pool.length / 6)));
  return fc.oneof(
    { weight: 100 - drawing.daring, arbitrary: fc.constantFrom(...usual) },
    { weight: drawing.daring, arbitrary: fc.constantFrom(...pool) },
  );
}
