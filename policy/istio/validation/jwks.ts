import { isFields, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Fields that must be there, by key type: public, and beside them for a private key. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  RSA: ["e", "n"],
  EC: ["crv", "x", "y"],
  OKP: ["crv", "x"],
  oct: ["k"],
};
const BYTES = new Set(["d", "dp", "dq", "e", "k", "n", "p", "q", "qi", "x", "y"]);
const TEXTS = ["alg", "crv", "kid", "use", "x5t", "x5t#S256", "x5u"];

/** Checks an inline JSON Web Key Set (or a single key); private keys in it are a warning. */
export function checkJwks(jwks: Node, report: Report): void {
  if (text(jwks) === "") return;
  const keys = parseKeys(text(jwks));
  if (keys === undefined) {
    report.error(jwks, "is not a JSON Web Key Set");
    return;
  }
  for (const [index, key] of keys.entries()) {
    const problem = keyProblem(key);
    if (problem !== undefined) report.error(jwks, `key ${index}: ${problem}`);
    else if (isPrivate(key))
      report.warn(jwks, `key ${index} contains private key material; only public keys are needed`);
  }
}

function parseKeys(json: string): readonly unknown[] | undefined {
  const parsed = parseFirstObject(json);
  if (parsed === undefined) return undefined;
  if (!Object.hasOwn(parsed, "keys")) return [parsed];
  if (parsed.keys === null) return [];
  return Array.isArray(parsed.keys) ? parsed.keys : undefined;
}

/** The object that the text begins with. What follows it is not looked at, as Istio's library reads a key set. */
function parseFirstObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(json.slice(0, endOfFirstObject(json)));
    return isFields(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function endOfFirstObject(json: string): number {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json.charAt(index);
    if (inString) {
      if (character === "\\") index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return json.length;
}

function keyProblem(key: unknown): string | undefined {
  if (!isFields(key)) return "must be an object";
  const type = key.kty;
  const required = typeof type === "string" && Object.hasOwn(REQUIRED, type) ? REQUIRED[type] : undefined;
  if (required === undefined) return `key type ${JSON.stringify(type)} is not RSA, EC, OKP or oct`;
  const missing = required.find((field) => !Object.hasOwn(key, field));
  if (missing !== undefined) return `${missing} is missing`;
  for (const field of TEXTS)
    if (Object.hasOwn(key, field) && typeof key[field] !== "string") return `${field} must be a string`;
  for (const field of BYTES)
    if (Object.hasOwn(key, field) && !isBase64(key[field])) return `${field} must be base64url`;
  return undefined;
}

function isPrivate(key: unknown): boolean {
  return isFields(key) && (key.kty === "oct" || Object.hasOwn(key, "d"));
}

/** Istio's library reads base64 and base64url, padded or not. */
function isBase64(value: unknown): boolean {
  return (
    typeof value === "string" &&
    /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/.test(value) &&
    value.replaceAll("=", "").length % 4 !== 1
  );
}
