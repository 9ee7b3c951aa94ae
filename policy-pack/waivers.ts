import type { PolicyConfigSchema } from "@pulumi/policy";
import type { Resource } from "./resource.ts";

/** What a policy of the pack may be configured with. */
export interface WaiverConfig {
  readonly waivers?: readonly PackWaiver[];
}

/** An accepted breach of one rule by one resource, with who answers for it, why, and until when. */
export interface PackWaiver {
  /** The resource's URN, or its end after `::` : type and name. */
  readonly resource: string;
  readonly owner: string;
  readonly reason: string;
  /** RFC 3339; a bare date means its first instant in UTC. */
  readonly expires: string;
}

/** The schema of {@link WaiverConfig}. */
export const WAIVERS_SCHEMA: PolicyConfigSchema = {
  properties: {
    waivers: {
      type: "array",
      description: "accepted breaches of this rule",
      items: {
        type: "object",
        properties: {
          resource: { type: "string", minLength: 1 },
          owner: { type: "string", minLength: 1 },
          reason: { type: "string", minLength: 1 },
          expires: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\d(T.*)?$" },
        },
        required: ["resource", "owner", "reason", "expires"],
        additionalProperties: false,
      },
    },
  },
};

/** True when a waiver that has not ended names the resource. An instant that cannot be read has ended. */
export function isWaived({ urn }: Resource, { waivers = [] }: WaiverConfig, now: number): boolean {
  return waivers.some(({ resource, expires }) => names(urn, resource) && Date.parse(expires) > now);
}

/** In a URN the types of the parents stand before the type, with a `$` between them. */
function names(urn: string, resource: string): boolean {
  return urn === resource || urn.endsWith(`::${resource}`) || urn.endsWith(`$${resource}`);
}
