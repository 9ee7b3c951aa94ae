import { Ajv, type ValidateFunction } from "ajv";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { generatedReference } from "../../scripts/generated/reference.ts";
import { generatedSchemas } from "../../scripts/generated/schemas.ts";
import { staleFiles } from "../../scripts/generated/write.ts";
import { guardrails } from "../lint/index.ts";
import { KINDS, type Kind, schemas } from "./index.ts";
import { jsonSchema, policyJsonSchema } from "./json-schema.ts";

type Json = Record<string, unknown>;
const ajv = new Ajv({ strict: false, allErrors: true });
const validators = new Map<Kind, ValidateFunction>(
  KINDS.map((kind) => [kind, ajv.compile(jsonSchema(kind))]),
);
const validateAny = ajv.compile(policyJsonSchema());

/** Documents of every kind: the examples of the guardrails. */
const samples: { kind: Kind; document: Json }[] = guardrails
  .flatMap(({ good, bad }) => [good, bad])
  .flatMap((text) => parseAllDocuments(text).map((document): Json => document.toJS()))
  .concat([
    {
      apiVersion: "portreeve.dev/v1",
      kind: "Waiver",
      metadata: { name: "w" },
      spec: { rule: "PR501", scope: ["Service/a"], owner: "o", reason: "r", expires: "2027-01-01" },
    },
  ])
  .flatMap((document) => KINDS.filter((kind) => kind === document.kind).map((kind) => ({ kind, document })));

const acceptedByZod = ({ kind }: { kind: Kind }, document: unknown) =>
  schemas[kind].safeParse(document).success;
const acceptedByAjv = ({ kind }: { kind: Kind }, document: unknown) =>
  validators.get(kind)?.(document) === true;

/** Every path into plain data, the empty one included. */
function paths(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => paths(item, [...path, key]))];
}

/** A copy with the value at a path changed; `undefined` removes it. */
function changed(
  value: unknown,
  path: readonly (string | number)[],
  change: (old: unknown) => unknown,
): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => (index === key ? changed(item, rest, change) : item));
    return items.filter((item) => item !== undefined);
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    name === key ? changed(item, rest, change) : item,
  ]);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

const mutation = fc.constantFrom<(old: unknown) => unknown>(
  () => undefined,
  () => null,
  () => 0,
  () => 70_000,
  () => 1.5,
  () => "",
  () => "Not-A-Name!",
  () => "30s",
  () => true,
  () => [],
  () => ({}),
  (old) => [old],
  (old) => (typeof old === "object" && old !== null && !Array.isArray(old) ? { ...old, unknownKey: 1 } : old),
);

describe("the JSON Schema", () => {
  it("describes every field", () => {
    const missing: string[] = [];
    const walk = (node: Json, path: string): void => {
      for (const [name, field] of Object.entries((node.properties ?? {}) as Record<string, Json>)) {
        if (typeof field.description !== "string") missing.push(`${path}.${name}`);
        walk(field, `${path}.${name}`);
      }
      if (node.items) walk(node.items as Json, `${path}[]`);
      for (const choice of [...((node.anyOf ?? []) as Json[]), ...((node.oneOf ?? []) as Json[])])
        walk(choice, path);
    };
    for (const kind of KINDS) walk(jsonSchema(kind), kind);
    expect(missing).toEqual([]);
  });

  it("accepts every sample that the schema accepts, by itself and as any policy document", () => {
    expect(new Set(samples.map(({ kind }) => kind))).toEqual(new Set(KINDS));
    for (const sample of samples) {
      expect(acceptedByZod(sample, sample.document)).toBe(true);
      expect(acceptedByAjv(sample, sample.document)).toBe(true);
      expect(validateAny(sample.document)).toBe(true);
    }
  });

  it("is never stricter than the schema: an editor shows no problem that loading would not", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat(), mutation, (sample, at, change) => {
        const all = paths(sample.document);
        const document = changed(sample.document, all[at % all.length] ?? [], change);
        if (acceptedByZod(sample, document)) expect(acceptedByAjv(sample, document)).toBe(true);
        else refused++;
      }),
      { numRuns: 3_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it("refuses what it can: unknown keys, missing and mistyped values, in every sample", () => {
    for (const sample of samples) {
      for (const path of paths(sample.document)) {
        const unknownKey = changed(sample.document, path, (old) =>
          typeof old === "object" && old !== null && !Array.isArray(old)
            ? { ...old, unknownKey: { a: 1 } }
            : old,
        );
        const mistyped = changed(sample.document, path, () => ({ "": [] }));
        for (const document of [unknownKey, mistyped]) {
          expect(acceptedByAjv(sample, document)).toBe(acceptedByZod(sample, document));
        }
      }
    }
  });

  it("says for an unknown kind what there is, and for a known one only its own problems", () => {
    expect(
      validateAny({ apiVersion: "portreeve.dev/v1", kind: "Servce", metadata: { name: "a" }, spec: {} }),
    ).toBe(false);
    validateAny({ apiVersion: "portreeve.dev/v1", kind: "Waiver", metadata: { name: "a" }, spec: {} });
    const missing = validateAny.errors
      ?.filter(({ keyword }) => keyword === "required")
      .map(({ params }) => params.missingProperty);
    expect(missing?.sort()).toEqual(["expires", "owner", "reason", "rule", "scope"]);
  });
});

describe("what is generated from the schema", () => {
  it("is current: npm run schemas", () => {
    expect(staleFiles("schemas", generatedSchemas())).toEqual([]);
  });

  it("is current: npm run docs:reference", () => {
    expect(staleFiles("docs/reference", generatedReference())).toEqual([]);
  });
});
