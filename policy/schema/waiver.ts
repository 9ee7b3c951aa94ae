import { z } from "zod";
import { document, metadata } from "./metadata.ts";
import { instant, text } from "./primitives.ts";

/** An accepted breach of a guardrail. Every field is required. */
export const waiverSpec = z.strictObject({
  rule: z
    .string()
    .regex(/^PR[1-6]\d\d$/, "write a rule id such as PR204")
    .describe("The guardrail's id."),
  scope: z
    .array(
      z
        .string()
        .regex(
          /^(Trust|Service|Workload|Group|Agent|Grant)\/[^\s]+$/,
          "write Kind/name, e.g. Service/orders-db",
        ),
    )
    .min(1, "name at least one object: a waiver for everything is no guardrail")
    .describe("The objects it covers, as Kind/name."),
  owner: text.describe("Who accepted it."),
  reason: text.describe("Why."),
  expires: instant.describe("When it ends. An expired waiver is an error."),
});

/** See {@link waiverSpec}. */
export const waiver = document(
  "Waiver",
  metadata,
  waiverSpec,
  "An accepted breach of a guardrail, with its owner, reason and end. Every field is required.",
);
