import type { Kind } from "../schema/index.ts";
import { jsonSchema } from "../schema/json-schema.ts";
import type { Path } from "./source.ts";

interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly items?: JsonSchemaNode;
  readonly anyOf?: readonly JsonSchemaNode[];
  readonly oneOf?: readonly JsonSchemaNode[];
  readonly const?: unknown;
  readonly description?: string;
}

/** Keys the schema knows at this place, so that a misspelt one can be put right. */
export function knownKeys(kind: Kind, path: Path): string[] {
  return [...new Set(nodesAt(kind, path).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** Values a discriminated union knows for its discriminator, whose own path is given. */
export function unionOptions(kind: Kind, path: Path, discriminator: string): string[] {
  const options = nodesAt(kind, path.slice(0, -1)).map((node) => node.properties?.[discriminator]?.const);
  return [...new Set(options.filter((option) => typeof option === "string"))].sort();
}

/** What the reference says of this place; of an entry of a list, what it says of the list. */
export function descriptionAt(kind: Kind, path: Path): string | undefined {
  const described = typeof path.at(-1) === "number" ? path.slice(0, -1) : path;
  const [first, ...others] = nodesAt(kind, described).map(({ description }) => description);
  return others.length === 0 ? first : undefined;
}

function nodesAt(kind: Kind, path: Path): JsonSchemaNode[] {
  let nodes: JsonSchemaNode[] = branches(jsonSchemaOf(kind));
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      const next = typeof step === "number" ? node.items : node.properties?.[step];
      return next ? branches(next) : [];
    });
  }
  return nodes;
}

function branches(node: JsonSchemaNode): JsonSchemaNode[] {
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return inner.length > 0 ? inner.flatMap(branches) : [node];
}

const cache = new Map<Kind, JsonSchemaNode>();

function jsonSchemaOf(kind: Kind): JsonSchemaNode {
  let schema = cache.get(kind);
  if (!schema) {
    schema = jsonSchema(kind) as JsonSchemaNode;
    cache.set(kind, schema);
  }
  return schema;
}
