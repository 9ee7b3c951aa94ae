/** A token and until when it may be used to log in, epoch milliseconds. */
export interface IssuedToken {
  readonly token: string;
  readonly expires: number;
}

/** A token is renewed when less than this is left of its life: logins go on while the next one is made. */
const RENEW_BEFORE_MS = 7 * 60_000;
/** And no longer given out when less than this is left: it has to live until the database has read it. */
const LAST_USE_BEFORE_MS = 60_000;
/** After a failure nobody asks again for this long: a thousand clients must not become a thousand requests for credentials. */
const RETRY_AFTER_MS = 1_000;

interface Entry {
  issued: IssuedToken | undefined;
  pending: Promise<string> | undefined;
  failed: { readonly error: Error; readonly at: number } | undefined;
}

/**
 * Keeps login tokens in memory, one for each endpoint and user. Many logins at one moment share one request, and a
 * token is renewed long before it ends, so that a login seldom waits for one.
 */
export class TokenCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * The token of this key, made by `issue` when there is none that lives long enough.
   *
   * @throws what `issue` throws, to everybody who waits for it
   */
  get(key: string, issue: () => Promise<IssuedToken>): Promise<string> {
    const now = this.#now();
    const entry = this.#entries.get(key) ?? this.#add(key, now);
    const left = entry.issued ? entry.issued.expires - now : 0;
    if (entry.issued && left > RENEW_BEFORE_MS) return Promise.resolve(entry.issued.token);
    if (entry.issued && left > LAST_USE_BEFORE_MS) {
      const { token } = entry.issued;
      // Renewed behind the back of this login; a failure leaves the old one in use until its last minute.
      if (!this.#failedJustNow(entry, now)) this.#issue(entry, issue).catch(() => {});
      return Promise.resolve(token);
    }
    if (entry.pending) return entry.pending;
    if (entry.failed && this.#failedJustNow(entry, now)) return Promise.reject(entry.failed.error);
    return this.#issue(entry, issue);
  }

  #issue(entry: Entry, issue: () => Promise<IssuedToken>): Promise<string> {
    entry.pending ??= issue().then(
      (issued) => {
        entry.pending = undefined;
        entry.failed = undefined;
        entry.issued = issued;
        return issued.token;
      },
      (cause: unknown) => {
        entry.pending = undefined;
        const error = cause instanceof Error ? cause : new Error(String(cause));
        entry.failed = { error, at: this.#now() };
        throw error;
      },
    );
    return entry.pending;
  }

  #failedJustNow({ failed }: Entry, now: number): boolean {
    return failed !== undefined && now - failed.at >= 0 && now - failed.at < RETRY_AFTER_MS;
  }

  #add(key: string, now: number): Entry {
    // Endpoints and users come from the configuration, so there are few; those of former ones go when a new one comes.
    for (const [known, { issued, pending }] of this.#entries) {
      if (!pending && (issued === undefined || issued.expires <= now)) this.#entries.delete(known);
    }
    const entry: Entry = { issued: undefined, pending: undefined, failed: undefined };
    this.#entries.set(key, entry);
    return entry;
  }
}
