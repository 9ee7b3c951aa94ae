import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { keyIdOf } from "../../policy/audit/key-id.ts";
import { LoadError } from "../life/load.ts";

/** Signs checkpoints of a chain. Shaped so that a key management service, which never shows its key, fits as well. */
export interface Signer {
  /** Which key it is: the SHA-256 of the public key (SPKI, DER) in base64url, its first 16 characters. */
  readonly keyId: string;
  /** An Ed25519 signature of these bytes (RFC 8032, not prehashed). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * Signs with a private key in a PEM file, read once.
 *
 * @throws LoadError when the file cannot be read, or holds no Ed25519 key
 */
export function fileSigner(path: string): Signer {
  let key: KeyObject;
  try {
    key = createPrivateKey(readFileSync(path));
  } catch (cause) {
    throw new LoadError(`audit.signing.keyFile cannot be used: ${path}`, { cause });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new LoadError(
      `audit.signing.keyFile ${path} is a key of type ${key.asymmetricKeyType}; make one with: openssl genpkey -algorithm ed25519`,
    );
  }
  return { keyId: keyIdOf(createPublicKey(key)), sign: async (bytes) => sign(null, bytes, key) };
}
