import type { JWTPayload } from "jose";
import type { Person } from "../../policy/decide/index.ts";
import { Refused } from "./credential.ts";

const MAX_NAME = 320;
const MAX_GROUPS = 1_000;
/** Control characters of both sets, line separators, and those that turn the direction of writing: no name has them, and a log or a terminal would obey them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is being refused
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** Which claims say who it is. */
export interface ClaimNames {
  readonly userClaim: string;
  readonly groupsClaim: string;
}

/** Whom a token names. */
export interface TokenSubject {
  readonly person: Person | undefined;
  /** `provider:subject` of the agent that acts: `act.sub`, or an own subject that is an agent's. */
  readonly actor: string | undefined;
  /** The token says which groups its holder is in, if only that there are none. */
  readonly saysGroups: boolean;
}

/**
 * Reads the person and the actor from verified claims (RFC 8693, 4.1: of `act` only the outermost counts; those inside are
 * history).
 *
 * @param provider name of the identity provider, the first half of every name
 * @param isAgent whether `provider:subject` is an agent's
 * @param needsGroups a deny names groups of this provider: then a token that is silent about groups is refused, because
 *   leaving the claim out would be a way past the deny
 * @throws Refused
 */
export function readSubject(
  claims: JWTPayload,
  provider: string,
  names: ClaimNames,
  isAgent: (subject: string) => boolean,
  needsGroups: boolean,
): TokenSubject {
  const subject = text(claims.sub, "sub");
  const actor = actorOf(claims, provider);
  const own = `${provider}:${subject}`;
  const saysGroups = claimAt(claims, names.groupsClaim) !== undefined;
  if (actor === undefined && isAgent(own)) return { person: undefined, actor: own, saysGroups };
  return { person: readPerson(claims, provider, names, needsGroups), actor, saysGroups };
}

function actorOf(claims: JWTPayload, provider: string): string | undefined {
  const { act } = claims;
  if (act === undefined) return undefined;
  if (!isRecord(act)) throw new Refused("claims", "the claim `act` is no object");
  // An actor of another issuer is somebody else of the same name.
  if (act["iss"] !== undefined && act["iss"] !== claims.iss) {
    throw new Refused("claims", "the actor (`act`) is of another issuer");
  }
  return `${provider}:${text(act["sub"], "act.sub")}`;
}

function readPerson(
  claims: JWTPayload,
  provider: string,
  { userClaim, groupsClaim }: ClaimNames,
  needsGroups: boolean,
): Person {
  const user = claimAt(claims, userClaim);
  if (user === undefined) {
    throw new Refused(
      "claims",
      `the token names nobody: it has no claim \`${userClaim}\`, and its subject is no agent`,
    );
  }
  // Whoever may type in any address at a provider that does not check it would be anybody. Some write the truth as a text.
  const verified = claims["email_verified"];
  if (userClaim === "email" && verified !== undefined && verified !== true && verified !== "true") {
    throw new Refused("claims", "the e-mail address in the token is not verified");
  }
  return {
    user: `${provider}:${text(user, userClaim)}`,
    groups: readGroups(claims, groupsClaim, needsGroups).map((group) => `${provider}:${group}`),
  };
}

function readGroups(claims: JWTPayload, claim: string, needed: boolean): string[] {
  const value = claimAt(claims, claim);
  if (value === undefined) {
    // Entra ID leaves the groups out when there are more than fit, and says where to fetch them.
    const elsewhere = claims["_claim_names"];
    if ((isRecord(elsewhere) && claim in elsewhere) || claims["hasgroups"] === true) {
      throw new Refused(
        "groups-overage",
        "the identity provider left the groups out of the token because there are too many: let it send only groups that are assigned to this application",
      );
    }
    if (needed) {
      throw new Refused(
        "groups-missing",
        `the token does not say which groups its holder is in, and access depends on it: ask for the scope that adds the claim \`${claim}\``,
      );
    }
    return [];
  }
  const groups = Array.isArray(value) ? value : [value];
  if (groups.length > MAX_GROUPS) {
    throw new Refused(
      "groups-overage",
      `the token lists ${groups.length} groups; the bound is ${MAX_GROUPS}`,
    );
  }
  return [...new Set(groups.map((group) => text(group, claim)))];
}

/** A claim by its name, or by a path of names where no claim has the whole as its name: `realm_access.roles`. */
function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  if (!name.includes(".")) return undefined;
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (!isRecord(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

function text(value: unknown, claim: string): string {
  if (typeof value !== "string" || value === "")
    throw new Refused("claims", `the claim \`${claim}\` is no text`);
  if (value.length > MAX_NAME) {
    throw new Refused("claims", `a value of the claim \`${claim}\` is longer than ${MAX_NAME} characters`);
  }
  if (UNPRINTABLE.test(value)) {
    throw new Refused("claims", `a value of the claim \`${claim}\` holds a control character`);
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
