/** A set of the numbers from 0 to below `size`, one bit each: joining two sets costs a word for 32 members. */
export class Bits {
  readonly #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array(Math.ceil(size / 32));
  }

  add(member: number): void {
    const word = member >>> 5;
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (member & 31));
  }

  /** Adds every member of `other`, a set of the same size. */
  addAll(other: Bits): void {
    for (let i = 0; i < this.#words.length; i++) {
      this.#words[i] = (this.#words[i] ?? 0) | (other.#words[i] ?? 0);
    }
  }

  /** Calls `visit` with each member, in ascending order. */
  each(visit: (member: number) => void): void {
    for (let i = 0; i < this.#words.length; i++) {
      let word = this.#words[i] ?? 0;
      while (word !== 0) {
        const lowest = word & -word;
        visit(i * 32 + 31 - Math.clz32(lowest));
        word ^= lowest;
      }
    }
  }
}
