import { statSync } from "node:fs";

/** What tells one state of a file from another, links followed. A clock that steps changes nothing here: any difference counts. */
function stateOf(file: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch {
    return "gone";
  }
}

/**
 * Tells when files have changed and then stood still. Polled rather than notified: Kubernetes swaps a symbolic link two
 * folders up, which no watch on the file itself sees, and a poll misses nothing after a suspended process wakes.
 */
export class FileWatch {
  readonly #changed: () => void;
  #files: readonly string[] = [];
  #acted = "";
  #last = "";

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Watches these from now on; their present state is the one that is known. */
  set files(files: readonly string[]) {
    this.#files = files;
    this.#acted = this.#state();
    this.#last = this.#acted;
  }

  /** Looks; called about twice a second. Acts on a change once it has lasted from one look to the next. */
  look(): void {
    const state = this.#state();
    const settled = state === this.#last;
    this.#last = state;
    if (!settled || state === this.#acted) return;
    this.#acted = state;
    this.#changed();
  }

  #state(): string {
    return this.#files.map(stateOf).join("\n");
  }
}
