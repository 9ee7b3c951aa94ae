import { type CryptoKey, createLocalJWKSet, errors, type JWSHeaderParameters } from "jose";
import * as z from "zod";
import { Refused } from "./credential.ts";
import { type Answer, type FetchOptions, fetchText } from "./fetch-text.ts";

/** Keys older than this are fetched anew beside their use, so that a withdrawn one is forgotten soon. */
const REFRESH_MS = 5 * 60_000;
/** Keys that nobody has used for this long are fetched before they are believed: what was withdrawn meanwhile is not known. */
const LONG_UNUSED_MS = 15 * 60_000;
/** Keys of a provider that is down serve this long; then nobody is accepted on its word. */
const STALE_MS = 24 * 3_600_000;
/** A key that is not known is looked for at most this often: anybody can invent key ids. */
const UNKNOWN_KEY_MS = 5_000;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const MAX_KEYS = 100;

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });
const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

type FindKey = ReturnType<typeof createLocalJWKSet>;

export interface KeySetOptions {
  readonly issuer: string;
  /** PEM of the CA behind the issuer. */
  readonly ca?: string | undefined;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly fetch?: (url: string, options: FetchOptions) => Promise<Answer>;
  /** Told after each attempt. */
  readonly onFetch?: (result: "ok" | "failed", error: string | undefined) => void;
}

/** The keys of one issuer, by its discovery document: cached, refreshed when one is unknown, kept while it is down. */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #now: () => number;
  #find: FindKey | undefined;
  #fetchedAt = 0;
  #count = 0;
  #attemptAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #running: Promise<void> | undefined;
  #fixed = false;
  lastError: string | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Keys from a file, which are never fetched.
   *
   * @throws Error when the text holds no usable key
   */
  static fixed(issuer: string, text: string): KeySet {
    const set = new KeySet({ issuer });
    set.#take(text);
    set.#fixed = true;
    return set;
  }

  /** Usable keys, and since when they are known (epoch milliseconds; 0 for never or for a file). */
  get state(): { readonly keys: number; readonly fetchedAt: number } {
    return { keys: this.#find ? this.#count : 0, fetchedAt: this.#fetchedAt };
  }

  /** Fetches ahead of the first need; failure is told by `onFetch` only. */
  warm(): void {
    if (!this.#fixed && !this.#find) void this.#refresh();
  }

  /**
   * The key that signed a token with this header.
   *
   * @throws Refused `unknown-key` when the issuer has no such key; `unavailable` when that cannot be found out
   */
  async key(header: JWSHeaderParameters): Promise<CryptoKey> {
    const now = this.#now();
    if (!this.#fixed && this.#find && now - this.#fetchedAt > STALE_MS) this.#find = undefined;
    if (!this.#find) {
      if (this.#mayTry(now)) await this.#refresh();
      if (!this.#find) throw this.#unavailable();
    }
    const known = await this.#lookUp(header);
    const age = this.#fixed ? 0 : now - this.#fetchedAt;
    if (known && age > REFRESH_MS && this.#mayTry(now)) {
      const refreshed = this.#refresh();
      // A provider that is down holds nobody up twice.
      if (age <= LONG_UNUSED_MS || this.#failures > 0) return known;
      await refreshed;
      const still = await this.#lookUp(header);
      if (still) return still;
      throw new Refused("unknown-key", "the issuer has withdrawn the key that the token names");
    }
    if (known) return known;
    const rested = this.#failures > 0 ? this.#mayTry(now) : now - this.#attemptAt >= UNKNOWN_KEY_MS;
    if (this.#running || (!this.#fixed && rested)) {
      await this.#refresh();
      const found = await this.#lookUp(header);
      if (found) return found;
    }
    // While the provider is down nobody knows whether this is a new key or an invented one.
    if (this.#failures > 0) throw this.#unavailable();
    throw new Refused("unknown-key", "the issuer has no key that the token names");
  }

  #unavailable(): Refused {
    return new Refused(
      "unavailable",
      "the identity provider cannot be reached, and the key is not known here",
    );
  }

  async #lookUp(header: JWSHeaderParameters): Promise<CryptoKey | undefined> {
    try {
      return await this.#find?.(header);
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        throw new Refused(
          "unknown-key",
          "the token does not say which of the issuer's keys signed it (`kid`)",
        );
      }
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw new Refused("unknown-key", "the key that the token names cannot be used", { cause: error });
    }
  }

  #mayTry(now: number): boolean {
    if (this.#running) return true;
    const wait = this.#failures === 0 ? 0 : Math.min(RETRY_MS * 2 ** (this.#failures - 1), RETRY_MAX_MS);
    // A clock that was set back must not hold everything up until it has caught up.
    return now < this.#attemptAt || now - this.#attemptAt >= wait;
  }

  /** One at a time: whoever needs it meanwhile waits for the same. Never throws. */
  #refresh(): Promise<void> {
    this.#running ??= this.#fetch().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #fetch(): Promise<void> {
    this.#attemptAt = this.#now();
    try {
      this.#take(await this.#fetchKeys());
      this.#fetchedAt = this.#now();
      this.#failures = 0;
      this.lastError = undefined;
    } catch (error) {
      this.#failures += 1;
      this.lastError = error instanceof Error ? error.message : String(error);
    }
    this.#options.onFetch?.(this.lastError === undefined ? "ok" : "failed", this.lastError);
  }

  async #fetchKeys(): Promise<string> {
    const { issuer } = this.#options;
    const discovery = await this.#get(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    const document = discoverySchema.safeParse(parseJson(discovery));
    if (!document.success) throw new Error(`${issuer}: the discovery document is not one`);
    // OpenID Connect Discovery, 4.3: a document that speaks for another issuer must not be used.
    if (document.data.issuer !== issuer)
      throw new Error(`${issuer}: the discovery document is of another issuer`);
    const keys = new URL(document.data.jwks_uri);
    const plainLoopback = keys.protocol === "http:" && keys.origin === new URL(issuer).origin;
    if (keys.protocol !== "https:" && !plainLoopback) {
      throw new Error(`${issuer}: \`jwks_uri\` is neither https:// nor of the issuer's own origin`);
    }
    return this.#get(keys.href);
  }

  async #get(url: string): Promise<string> {
    const { ca, fetch = fetchText } = this.#options;
    const { status, text } = await fetch(url, { ca, headers: { accept: "application/json" } });
    if (status !== 200) throw new Error(`${url}: status ${status}`);
    return text;
  }

  #take(text: string): void {
    const parsed = jwksSchema.safeParse(parseJson(text));
    if (!parsed.success) throw new Error(`${this.#options.issuer}: not a JSON Web Key Set`);
    const usable = parsed.data.keys.filter(
      ({ kty, use }) =>
        (kty === "RSA" || kty === "EC" || kty === "OKP") && (use === undefined || use === "sig"),
    );
    // An answer without a key is more likely a mishap than the end of an issuer: the keys that are known stay.
    if (usable.length === 0) throw new Error(`${this.#options.issuer}: the key set holds no signing key`);
    this.#find = createLocalJWKSet({ keys: usable });
    this.#count = usable.length;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
