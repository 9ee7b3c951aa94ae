/** Where a page is painted: a terminal. */
export interface Surface {
  write(text: string): unknown;
}

const ESC = "\u001b[";
/** A page of its own, so that what stood there comes back; no cursor; lines that are too long are cut, not broken. */
const OPEN = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`;
const CLOSE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** Shown at once by terminals that know it; others pass over it. */
const [BEGIN, END] = [`${ESC}?2026h`, `${ESC}?2026l`];

/** Paints only the lines that are others than before, all in one piece: the page is never empty, so nothing flickers. */
export class Screen {
  readonly #surface: Surface;
  #lines: readonly string[] = [];

  constructor(surface: Surface) {
    this.#surface = surface;
    surface.write(OPEN);
  }

  paint(lines: readonly string[]): void {
    const changed = lines.flatMap((line, index) =>
      // Cleared before: after a line as wide as the terminal the cursor stands on its last character, which would go too.
      line === this.#lines[index] ? [] : [`${ESC}${index + 1};1H${ESC}2K${line}`],
    );
    this.#lines = lines;
    if (changed.length > 0) this.#surface.write(`${BEGIN}${changed.join("")}${END}`);
  }

  /** The terminal has another size: what stands there is not known any more. */
  forget(): void {
    this.#lines = [];
    this.#surface.write(`${ESC}2J`);
  }

  close(): void {
    this.#surface.write(CLOSE);
  }
}
