import { createHash } from "node:crypto";
import type { Sourced } from "../load/source.ts";
import { objectId } from "./report.ts";

/** Lists whose order means something: a service is known by its first host, endpoints are tried in order. */
const ORDERED = new Set(["hosts", "endpoints"]);

/**
 * `sha256:…` of what documents say: independent of their order, of key order, formatting, comments, positions,
 * annotations, and of the order of lists that are sets. Defaults are filled in, so that writing one out changes nothing.
 */
export function digestOfDocuments(documents: readonly Sourced[]): string {
  const lines = documents.map((source) => {
    const { metadata, spec } = source.document;
    // No name holds a line break, so that the lines of two sets of documents can never read as one.
    return `${objectId(source)} ${canonicalText({ labels: metadata.labels ?? {}, spec }, "")}\n`;
  });
  const hash = createHash("sha256");
  for (const line of lines.sort()) hash.update(line);
  return `sha256:${hash.digest("hex")}`;
}

/**
 * JSON with sorted keys, and lists that are sets sorted and without repetitions. `sort` without a
 * comparison is by code unit, the same on every machine, and the quicker of the two.
 */
function canonicalText(value: unknown, key: string): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonicalText(item, ""));
    return `[${(ORDERED.has(key) ? items : [...new Set(items)].sort()).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const pairs: string[] = [];
    for (const [name, item] of Object.entries(value)) {
      if (item !== undefined) pairs.push(`${JSON.stringify(name)}:${canonicalText(item, name)}`);
    }
    // Each pair starts with its key in quotes, so pairs sort as their keys do.
    return `{${pairs.sort().join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
