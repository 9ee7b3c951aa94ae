import ipaddr from "ipaddr.js";

/** The part of all places that one source may hold: whoever takes it all leaves the others three quarters. */
const PART = 4;

/** Places that strangers can take: bounded in all, and for each source, so that one stranger cannot take everybody's. */
export class SourceBound {
  readonly #max: () => number;
  readonly #held = new Map<string, number>();
  #all = 0;

  /** @param max places in all, asked each time: a reload may change it */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** Places that are held. */
  get size(): number {
    return this.#all;
  }

  /**
   * Takes a place.
   *
   * @param address of the client, as {@link leave} is told it later
   * @returns which bound is reached, in words; undefined when there was a place
   */
  enter(address: string): string | undefined {
    const max = this.#max();
    if (this.#all >= max) return "in all";
    const source = sourceOf(address);
    const held = this.#held.get(source) ?? 0;
    if (held >= Math.max(1, Math.floor(max / PART))) return `from ${source}`;
    this.#held.set(source, held + 1);
    this.#all += 1;
    return undefined;
  }

  leave(address: string): void {
    const source = sourceOf(address);
    const held = this.#held.get(source);
    if (held === undefined) return;
    this.#all -= 1;
    // An entry at zero would stay for every address that ever was.
    if (held === 1) this.#held.delete(source);
    else this.#held.set(source, held - 1);
  }
}

/** Who counts as one: an IPv4 address, or the /64 that an IPv6 host has to itself and can take any address of. */
export function sourceOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv6) {
    return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString()}/64`)}/64`;
  }
  return parsed.toString();
}
