import {
  type AddressSet,
  addressSet,
  formatIPv4,
  formatIPv6,
  IPV4,
  IPV6,
  toCidrs,
} from "../sets/addresses.ts";
import { pieces, type Range } from "../sets/ranges.ts";

/** A set of regions: bit i for region i. */
export type Mask = bigint;

export const NOWHERE: Mask = 0n;

/** All addresses, cut wherever some policy may treat addresses differently: one address of each region speaks for it. */
export class Regions {
  readonly #ipv4: readonly Range<number>[];
  readonly #ipv6: readonly Range<bigint>[];
  /** The lowest address of each region. */
  readonly first: readonly string[];
  /** The highest address of each region. */
  readonly last: readonly string[];
  readonly everywhere: Mask;

  constructor(blocks: readonly AddressSet[]) {
    this.#ipv4 = pieces(
      IPV4,
      blocks.map(({ ipv4 }) => ipv4),
    );
    this.#ipv6 = pieces(
      IPV6,
      blocks.map(({ ipv6 }) => ipv6),
    );
    this.first = [
      ...this.#ipv4.map(({ low }) => formatIPv4(low)),
      ...this.#ipv6.map(({ low }) => formatIPv6(low)),
    ];
    this.last = [
      ...this.#ipv4.map(({ high }) => formatIPv4(high)),
      ...this.#ipv6.map(({ high }) => formatIPv6(high)),
    ];
    this.everywhere = (1n << BigInt(this.first.length)) - 1n;
  }

  /** The fewest CIDR blocks that hold exactly these regions. */
  cidrs(mask: Mask): string[] {
    const chosen = (i: number) => has(mask, i);
    return [
      ...toCidrs(
        addressSet(
          this.#ipv4.filter((_, i) => chosen(i)),
          this.#ipv6.filter((_, i) => chosen(this.#ipv4.length + i)),
        ),
      ),
    ];
  }

  /** True where it takes fewer blocks to say where not. */
  simplerAsGap(mask: Mask): boolean {
    const gap = this.everywhere & ~mask;
    return gap !== NOWHERE && this.cidrs(gap).length + 1 < this.cidrs(mask).length;
  }

  /** In words, after the name of who it is about. */
  text(mask: Mask): string {
    if (mask === this.everywhere) return "";
    return this.simplerAsGap(mask)
      ? ` from everywhere but ${this.cidrs(this.everywhere & ~mask).join(", ")}`
      : ` from ${this.cidrs(mask).join(", ")}`;
  }
}

export function has(mask: Mask, region: number): boolean {
  return ((mask >> BigInt(region)) & 1n) === 1n;
}
