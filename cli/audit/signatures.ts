import { type KeyObject, verify } from "node:crypto";
import { checkpointBytes, type Seal } from "../../policy/audit/chain-line.ts";
import { keyIdOf } from "../../policy/audit/key-id.ts";
import type { OwnLine } from "./own-lines.ts";

/** The keys that checkpoints may be signed with. */
export class Signatures {
  readonly #keys: ReadonlyMap<string, KeyObject>;

  constructor(keys: readonly KeyObject[]) {
    this.#keys = new Map(keys.map((key) => [keyIdOf(key), key]));
  }

  get checked(): boolean {
    return this.#keys.size > 0;
  }

  /** Whether a checkpoint is signed over the lines before it. Without keys, or a signature, nothing is checked. */
  check(
    { key, sig }: OwnLine,
    { chain, seq, prev }: Seal,
  ): "holds" | "not-checked" | { readonly why: string } {
    if (!this.checked || sig === undefined) return "not-checked";
    const known = this.#keys.get(key ?? "");
    if (!known) return { why: `it is signed with key ${key}, which is none of those given with --key` };
    return verify(null, checkpointBytes(chain, seq, prev), known, Buffer.from(sig, "base64url"))
      ? "holds"
      : { why: "its signature is not of the lines before it: they were written anew" };
  }
}
