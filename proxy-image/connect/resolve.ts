import { lookup, resolve4, resolve6 } from "node:dns";
import { isIP } from "node:net";

/** How one name is looked up; the default asks DNS, and then the system (hosts file, search domains). */
export type Lookup = (host: string, family: 4 | 6) => Promise<Answer[]>;

export interface Answer {
  readonly address: string;
  /** Milliseconds; undefined when the source tells none. */
  readonly ttl: number | undefined;
}

export interface ResolveBounds {
  /** Milliseconds. */
  readonly minTtl: number;
  /** Milliseconds. */
  readonly maxTtl: number;
  readonly families: readonly ("ipv4" | "ipv6")[];
}

interface Entry {
  readonly addresses: readonly string[];
  readonly until: number;
  /** Of use until then, if the name stops resolving. */
  readonly lastUse: number;
}

/** Addresses of names, kept for their TTL. A name that fails to resolve anew keeps its last addresses, as long as `maxTtl`. */
export class Resolver {
  readonly #lookup: Lookup;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<readonly string[]>>();

  constructor(lookup: Lookup = systemLookup) {
    this.#lookup = lookup;
  }

  /**
   * Addresses at once when they are known (a literal, or a name within its TTL), otherwise a promise.
   *
   * @param now monotonic milliseconds
   */
  resolve(host: string, bounds: ResolveBounds, now: number): readonly string[] | Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host];
    const known = this.#entries.get(host);
    if (known && now < known.until) return known.addresses;
    let running = this.#running.get(host);
    if (!running) {
      running = this.#ask(host, bounds, now, known).finally(() => this.#running.delete(host));
      this.#running.set(host, running);
    }
    return running;
  }

  async #ask(
    host: string,
    bounds: ResolveBounds,
    now: number,
    known: Entry | undefined,
  ): Promise<readonly string[]> {
    const results = await Promise.allSettled(
      bounds.families.map((family) => this.#lookup(host, family === "ipv4" ? 4 : 6)),
    );
    const answers = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    if (answers.length === 0) {
      if (known && now < known.until + bounds.maxTtl) return known.addresses;
      const failure = results.find((result) => result.status === "rejected");
      throw new Error(`${host} does not resolve`, { cause: failure?.reason });
    }
    const ttl = Math.min(...answers.map((answer) => answer.ttl ?? bounds.minTtl));
    const addresses = interleave(answers.map(({ address }) => address));
    const until = now + Math.min(Math.max(ttl, bounds.minTtl), bounds.maxTtl);
    if (!known) this.#forgetOld(now);
    this.#entries.set(host, { addresses, until, lastUse: until + bounds.maxTtl });
    return addresses;
  }

  /** Names come and go with configurations: those that nobody asks for any more go when another comes. */
  #forgetOld(now: number): void {
    for (const [host, { lastUse }] of this.#entries) if (now >= lastUse) this.#entries.delete(host);
  }

  /** Names that are remembered. */
  get size(): number {
    return this.#entries.size;
  }
}

/** Families take turns, beginning with the first one's (RFC 8305, 4), so that one broken family costs one step, not all. */
function interleave(addresses: readonly string[]): string[] {
  const unique = [...new Set(addresses)];
  const first = unique.filter((address) => isIP(address) === isIP(unique[0] ?? ""));
  const second = unique.filter((address) => isIP(address) !== isIP(unique[0] ?? ""));
  return first
    .flatMap((address, index) => {
      const other = second[index];
      return other === undefined ? [address] : [address, other];
    })
    .concat(second.slice(first.length));
}

function systemLookup(host: string, family: 4 | 6): Promise<Answer[]> {
  return new Promise((done, failed) => {
    const system = () => {
      lookup(host, { family, all: true }, (error, found) => {
        if (error) failed(error);
        else done(found.map(({ address }) => ({ address, ttl: undefined })));
      });
    };
    // A name without a dot is the hosts file's or a search domain's business, which only the system knows.
    if (!host.includes(".")) return system();
    const answer = (error: Error | null, records: readonly { address: string; ttl: number }[]) => {
      if (error || records.length === 0) system();
      else done(records.map(({ address, ttl }) => ({ address, ttl: ttl * 1_000 })));
    };
    if (family === 4) resolve4(host, { ttl: true }, answer);
    else resolve6(host, { ttl: true }, answer);
  });
}
