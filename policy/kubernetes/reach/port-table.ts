import {
  ALL_PORTS,
  formatPorts,
  intersectPorts,
  NO_PORTS,
  type PortSet,
  unionPorts,
} from "../../sets/ports.ts";

/** The number of a port set in a {@link PortTable}. */
export type PortId = number;

export const NOTHING: PortId = 0;
export const ANYTHING: PortId = 1;

/**
 * Port sets by number. A thousand workloads make a million pairs but only a handful of different port sets: a pair
 * costs one number, and each two sets are joined or intersected once.
 */
export class PortTable {
  readonly #sets: PortSet[] = [];
  readonly #ids = new Map<string, PortId>();
  readonly #unions = new Map<number, PortId>();
  readonly #intersections = new Map<number, PortId>();

  constructor() {
    this.add(NO_PORTS);
    this.add(ALL_PORTS);
  }

  /** The number of this set, the same for equal sets. */
  add(set: PortSet): PortId {
    const key = formatPorts(set);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#sets.length);
    return this.#sets.push(set) - 1;
  }

  get(id: PortId): PortSet {
    return this.#sets[id] ?? NO_PORTS;
  }

  union(a: PortId, b: PortId): PortId {
    if (a === b || b === NOTHING || a === ANYTHING) return a;
    if (a === NOTHING || b === ANYTHING) return b;
    return this.#combine(this.#unions, a, b, unionPorts);
  }

  intersection(a: PortId, b: PortId): PortId {
    if (a === b || a === NOTHING || b === ANYTHING) return a;
    if (b === NOTHING || a === ANYTHING) return b;
    return this.#combine(this.#intersections, a, b, intersectPorts);
  }

  #combine(
    memo: Map<number, PortId>,
    a: PortId,
    b: PortId,
    combine: (a: PortSet, b: PortSet) => PortSet,
  ): PortId {
    // Exact, as there are far fewer than 2^26 port sets.
    const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
    const known = memo.get(key);
    if (known !== undefined) return known;
    const id = this.add(combine(this.get(a), this.get(b)));
    memo.set(key, id);
    return id;
  }
}
