import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * Checks a database login token as AWS does: the query string of a presigned request, by Signature Version 4. What stands
 * in for AWS here is that the verifier knows the secret keys; nothing else is made easier.
 *
 * It does not know policies: whether a role may connect as a user is IAM's answer, tested elsewhere.
 */
export interface TokenExpectation {
  readonly service: "rds-db" | "elasticache";
  /** `host:port` of a database; the name of a cache. */
  readonly host: string;
  readonly region: string;
  readonly user: string;
  /** ElastiCache: whether the cache is a serverless one, which its token has to say. */
  readonly serverless?: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
  /** By access key id. */
  readonly keys: ReadonlyMap<string, { readonly secret: string; readonly sessionToken?: string }>;
}

/** AWS takes a token for 15 minutes, and one of a clock that is at most 5 minutes ahead. */
const LIFETIME_MS = 15 * 60_000;
const AHEAD_MS = 5 * 60_000;
const EMPTY_BODY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Why a token is refused; undefined when it is good. */
export function tokenRefusal(token: string, expected: TokenExpectation): string | undefined {
  const [host, text, ...more] = token.split("/?");
  if (host === undefined || text === undefined || more.length > 0) return "no token";
  const query = new Map<string, string>();
  for (const pair of text.split("&")) {
    const at = pair.indexOf("=");
    if (at < 1) return "a query that is none";
    const name = decode(pair.slice(0, at));
    const value = decode(pair.slice(at + 1));
    if (name === undefined || value === undefined || query.has(name)) return "a query that is ambiguous";
    query.set(name, value);
  }
  if (host !== expected.host) return `signed for ${host}`;
  return contentRefusal(query, expected) ?? signatureRefusal(host, query, expected);
}

function contentRefusal(query: ReadonlyMap<string, string>, expected: TokenExpectation): string | undefined {
  const { service, region, user, now } = expected;
  const userKey = service === "rds-db" ? "DBUser" : "User";
  if (query.get("Action") !== "connect") return "another action";
  if (query.get(userKey) !== user) return `a token of ${query.get(userKey)}`;
  const wanted = expected.serverless ? "ServerlessCache" : undefined;
  if (query.get("ResourceType") !== wanted) return "another kind of cache";
  if (query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256") return "another algorithm";
  if (query.get("X-Amz-SignedHeaders") !== "host") return "other signed headers";
  const [, day, ...scope] = (query.get("X-Amz-Credential") ?? "").split("/");
  if (scope.join("/") !== `${region}/${service}/aws4_request`) return `of the scope ${scope.join("/")}`;
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get("X-Amz-Date") ?? "");
  if (!date) return "no date";
  const [, year, month, dayOfMonth, hour, minute, second] = date.map(Number);
  const signedAt = Date.UTC(year ?? 0, (month ?? 0) - 1, dayOfMonth, hour, minute, second);
  if (query.get("X-Amz-Date")?.slice(0, 8) !== day) return "a date that is not the scope's";
  const expires = Number(query.get("X-Amz-Expires")) * 1_000;
  if (!(expires > 0 && expires <= LIFETIME_MS)) return "a lifetime that is none";
  if (now < signedAt - AHEAD_MS) return "not valid yet";
  if (now >= signedAt + expires) return "expired";
  return undefined;
}

function signatureRefusal(
  host: string,
  query: ReadonlyMap<string, string>,
  { keys }: TokenExpectation,
): string | undefined {
  const credential = query.get("X-Amz-Credential") ?? "";
  const [id = "", day = "", region = "", service = ""] = credential.split("/");
  const key = keys.get(id);
  if (!key) return "an unknown access key";
  if (query.get("X-Amz-Security-Token") !== key.sessionToken) return "another session token";
  const canonicalQuery = [...query]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const request = ["GET", "/", canonicalQuery, `host:${host}`, "", "host", EMPTY_BODY].join("\n");
  const toSign = [
    "AWS4-HMAC-SHA256",
    query.get("X-Amz-Date"),
    `${day}/${region}/${service}/aws4_request`,
    createHash("sha256").update(request).digest("hex"),
  ].join("\n");
  const signingKey = [day, region, service, "aws4_request"].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${key.secret}`,
  );
  const signature = Buffer.from(query.get("X-Amz-Signature") ?? "", "hex");
  const good = hmac(signingKey, toSign);
  return signature.length === good.length && timingSafeEqual(signature, good)
    ? undefined
    : "a wrong signature";
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const sign = String.fromCharCode(byte);
      return /[A-Za-z0-9_.~-]/.test(sign) ? sign : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}
