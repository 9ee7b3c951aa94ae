import { createHash, type KeyObject } from "node:crypto";

/** The name by which checkpoints call a key: SHA-256 of the public key (SPKI, DER), base64url, its first 16 characters. */
export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url").slice(0, 16);
}
