/** As many unused places of a service a worker may keep; the book leaves more room than all of them together. */
export const KEPT_MAX = 64;
const KEPT_MS = 1_000;

interface KeptPlace {
  readonly id: number;
  readonly text: string;
  readonly since: number;
}

interface KeptService {
  /** The latest last. */
  places: KeptPlace[];
  /** How often they were called back: what was granted before the last time is not kept. */
  recalls: number;
}

/**
 * Places that a worker has in the supervisor's book and that nobody uses at the moment, for the next connection of the
 * same kind: where there is much room, short connections cost no message. They count as held, so no bound is passed.
 */
export class KeptPlaces {
  readonly #services = new Map<string, KeptService>();
  readonly #giveBack: (id: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(giveBack: (id: number) => void) {
    this.#giveBack = giveBack;
  }

  recalls(service: string): number {
    return this.#of(service).recalls;
  }

  /** One of this kind, if there is one. */
  take(service: string, text: string): number | undefined {
    const { places } = this.#of(service);
    const index = places.findLastIndex((kept) => kept.text === text);
    return index < 0 ? undefined : places.splice(index, 1)[0]?.id;
  }

  /** @returns false when it is to be given back instead */
  keep(service: string, text: string, id: number, recalls: number): boolean {
    const kept = this.#of(service);
    if (kept.recalls !== recalls || kept.places.length >= KEPT_MAX) return false;
    kept.places.push({ id, text, since: performance.now() });
    this.#schedule();
    return true;
  }

  recall(service: string): void {
    const kept = this.#of(service);
    kept.recalls += 1;
    for (const { id } of kept.places.splice(0)) this.#giveBack(id);
  }

  #of(service: string): KeptService {
    let kept = this.#services.get(service);
    if (!kept) {
      kept = { places: [], recalls: 0 };
      this.#services.set(service, kept);
    }
    return kept;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      for (const kept of this.#services.values()) {
        const old = kept.places.filter(({ since }) => now - since >= KEPT_MS);
        kept.places = kept.places.filter(({ since }) => now - since < KEPT_MS);
        for (const { id } of old) this.#giveBack(id);
        if (kept.places.length > 0) this.#schedule();
      }
    }, KEPT_MS);
  }
}
