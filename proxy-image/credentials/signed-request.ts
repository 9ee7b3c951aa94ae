import * as z from "zod";
import type { ProxyIdentityProviders } from "../../policy/compile/proxy/config.ts";
import { Refused } from "./credential.ts";

export type AwsProvider = ProxyIdentityProviders["aws"][number];

/** `Action=GetCallerIdentity`, to the byte: a signed request for anything else must never be sent on. */
export const CALLER_IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15";

export const MAX_SIGNED_REQUEST = 16 * 1024;
const AUDIENCE_HEADER = "x-portreeve-audience";
/** What makes a request one of this moment, for this place, and for this proxy. */
const MUST_BE_SIGNED = ["host", "x-amz-date", AUDIENCE_HEADER] as const;

const wireSchema = z.strictObject({
  method: z.literal("POST"),
  url: z.string().max(300),
  headers: z.record(z.string().max(100), z.string().max(8_192)),
  body: z.literal(CALLER_IDENTITY),
});

/** A request that was signed elsewhere, checked as far as it can be without the signer's key. */
export interface SignedRequest {
  readonly endpoint: string;
  readonly region: string;
  readonly audience: string;
  /** When it was signed, epoch milliseconds. */
  readonly signedAt: number;
  /** Tells it from every other; 64 hex digits. */
  readonly signature: string;
  /** What is sent to STS: the signed headers, and the signature. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads what a client sends after `AWS4-STS`: base64url of a JSON object with method, URL, headers and body.
 *
 * Only `POST https://ENDPOINT/` with the one body is accepted; the endpoint is one of the configured. Only headers that
 * are signed go on to STS, so that nothing unsigned can change what is asked.
 *
 * @throws Refused
 */
export function readSignedRequest(encoded: string, endpoints: ReadonlySet<string>): SignedRequest {
  if (encoded.length > MAX_SIGNED_REQUEST) throw new Refused("too-large", "the signed request is too long");
  const wire = parseWire(encoded);
  const headers = lowerCase(wire.headers);
  const url = /^https:\/\/([a-z0-9.-]+)\/$/.exec(wire.url);
  const endpoint = url?.[1] ?? "";
  if (!endpoints.has(endpoint)) {
    throw new Refused("request", `sign the request for one of ${[...endpoints].join(", ")}`);
  }
  if (headers.get("host") !== endpoint)
    throw new Refused("request", "the header `host` is not the endpoint's name");
  const { scopeDate, region, signed, signature } = readAuthorization(headers.get("authorization") ?? "");
  for (const name of MUST_BE_SIGNED) {
    if (!signed.includes(name)) throw new Refused("request", `the header \`${name}\` must be signed`);
  }
  for (const name of headers.keys()) {
    if (name.startsWith("x-amz-") && !signed.includes(name)) {
      throw new Refused("request", `the header \`${name}\` is there but not signed`);
    }
  }
  const date = headers.get("x-amz-date") ?? "";
  const signedAt = instantOf(date);
  if (date.slice(0, 8) !== scopeDate || region !== regionOf(endpoint)) {
    throw new Refused("request", "the scope of the signature does not fit its date or endpoint");
  }
  const sent: Record<string, string> = {};
  for (const name of signed) {
    const value = headers.get(name);
    if (value === undefined) throw new Refused("request", `the signed header \`${name}\` is missing`);
    sent[name] = value;
  }
  return {
    endpoint,
    region,
    audience: headers.get(AUDIENCE_HEADER) ?? "",
    signedAt,
    signature,
    headers: { ...sent, authorization: headers.get("authorization") ?? "" },
  };
}

/** The region in the name of a regional endpoint: `sts.eu-west-1.amazonaws.com`. */
export function regionOf(endpoint: string): string {
  return endpoint.split(".")[1] ?? "";
}

function parseWire(encoded: string): z.output<typeof wireSchema> {
  let value: unknown;
  try {
    if (!/^[A-Za-z0-9_-]+$/.test(encoded)) throw new Error("not base64url");
    value = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"));
  } catch (cause) {
    throw new Refused("malformed", "this is no signed request: base64url of JSON is expected", { cause });
  }
  const wire = wireSchema.safeParse(value);
  if (wire.success) return wire.data;
  const where = wire.error.issues[0]?.path.join(".") ?? "";
  throw new Refused(
    "request",
    `only a signed POST of ${CALLER_IDENTITY} is accepted${where && `; \`${where}\` differs`}`,
  );
}

function lowerCase(given: Readonly<Record<string, string>>): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (headers.has(key)) throw new Refused("request", `the header \`${key}\` is given twice`);
    // A line break in a header would be a header, or a request, of its own.
    if (!/^[a-z0-9-]+$/.test(key) || !/^[\x20-\x7e]*$/.test(value)) {
      throw new Refused("request", "a header with characters that do not belong there");
    }
    headers.set(key, value);
  }
  if (headers.size > 20) throw new Refused("request", "too many headers");
  return headers;
}

function readAuthorization(value: string): {
  scopeDate: string;
  region: string;
  signed: string[];
  signature: string;
} {
  const match =
    /^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}\/(\d{8})\/([a-z0-9-]{1,64})\/sts\/aws4_request, ?SignedHeaders=([a-z0-9;-]{1,1000}), ?Signature=([0-9a-f]{64})$/.exec(
      value,
    );
  const [, scopeDate, region, signed, signature] = match ?? [];
  if (scopeDate === undefined || region === undefined || signed === undefined || signature === undefined) {
    throw new Refused("request", "the header `authorization` is no AWS Signature Version 4 for STS");
  }
  const names = signed.split(";");
  // These belong to one connection, and one that is signed twice could be read as either.
  if (new Set(names).size !== names.length || names.some((name) => HOP_BY_HOP.has(name))) {
    throw new Refused("request", "headers are signed that must not be");
  }
  return { scopeDate, region, signed: names, signature };
}

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "",
  "authorization",
  "connection",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function instantOf(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  const at = match ? Date.parse(text.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5")) : Number.NaN;
  if (Number.isNaN(at)) throw new Refused("request", "the header `x-amz-date` is no date");
  return at;
}
