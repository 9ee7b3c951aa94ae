import { z } from "zod";
import { API_VERSION, labels, name } from "./primitives.ts";

const annotations = z
  .record(z.string(), z.string())
  .optional()
  .describe("Free text for people and tools; no effect on access and not part of the digest.");

/** Metadata of every kind but Workload. */
export const metadata = z.strictObject({
  name: name.describe(
    "Name, unique among the objects of this kind. Names of generated objects derive from it.",
  ),
  labels: labels
    .optional()
    .describe(
      "Labels copied to generated objects; `environment: production` raises a change's risk in a review.",
    ),
  annotations,
});

/** Metadata of a Workload, which is named within its Kubernetes namespace. */
export const namespacedMetadata = metadata.extend({
  namespace: name.describe("Kubernetes namespace of the workload, part of its SPIFFE ID."),
});

/** Wraps a spec into the familiar document shape. */
export function document<K extends string, M extends z.ZodType, S extends z.ZodType>(
  kind: K,
  meta: M,
  spec: S,
  about: string,
) {
  const shape = {
    apiVersion: z.literal(API_VERSION).describe(`Always \`${API_VERSION}\`.`),
    kind: z.literal(kind).describe(`Always \`${kind}\`.`),
    metadata: meta.describe("Its name, and what people and tools note about it."),
    spec: spec.describe(about),
  };
  return z.strictObject(shape).describe(about);
}
