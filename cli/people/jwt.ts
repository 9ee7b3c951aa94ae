/** What a token says of itself. Nobody has verified it: it is for showing and for timing, never for deciding. */
export interface TokenClaims {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  /** `act.sub` (RFC 8693, 4.1): who acts for the subject. */
  readonly actor: string | undefined;
  /** Epoch milliseconds. */
  readonly expires: number | undefined;
}

/** The claims of a JWT; `undefined` for any other text, such as an opaque access token. */
export function claimsOf(token: string): TokenClaims | undefined {
  const parts = token.split(".");
  const [, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return undefined;
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isRecord(claims)) return undefined;
  const { iss, sub, email, groups, act, exp } = claims;
  return {
    issuer: textOf(iss),
    subject: textOf(sub),
    email: textOf(email),
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === "string") : [],
    actor: isRecord(act) ? textOf(act["sub"]) : undefined,
    expires: typeof exp === "number" && Number.isFinite(exp) ? exp * 1000 : undefined,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
