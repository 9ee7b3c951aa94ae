import { KeySet } from "./key-set.ts";
import type { OidcProvider } from "./oidc.ts";
import type { ProviderFiles } from "./verifier.ts";

/** The keys of all issuers: what is fetched outlives a reload of the configuration. */
export class KeyRing {
  readonly #sets = new Map<string, KeySet>();
  /** Told after each fetch. */
  onFetch: (provider: string, result: "ok" | "failed", error: string | undefined) => void = () => {};

  /**
   * The keys of a provider, the same as before when nothing that they depend on has changed.
   *
   * @throws Error for a file of keys that cannot be used
   */
  keysOf({ name, issuer }: OidcProvider, { ca, jwks }: ProviderFiles): KeySet {
    if (jwks !== undefined) return KeySet.fixed(issuer, jwks);
    const key = JSON.stringify([name, issuer, ca]);
    const known = this.#sets.get(key);
    if (known) return known;
    const set = new KeySet({
      issuer,
      ca,
      onFetch: (result, error) => this.onFetch(name, result, error),
    });
    this.#sets.set(key, set);
    return set;
  }
}
