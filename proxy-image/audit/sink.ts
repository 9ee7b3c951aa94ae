import type { Before } from "./chain.ts";

/** A place where records go. */
export interface Sink {
  /** Its name in a `gap` line. */
  readonly name: string;
  /**
   * Writes whole lines. Rejects when they are not written; then none of them counts as written.
   *
   * @param lines how many there are
   */
  write(text: string, lines: number): Promise<void>;
  /** What one write should stay below, in bytes. @default no bound */
  readonly most?: number;
  /** What it holds from before; asked once, before the first write. Absent where that cannot be known. */
  before?(): Promise<Before>;
  /** Makes room for about so many bytes; says whether what follows begins a new file. */
  prepare?(bytes: number): Promise<boolean>;
  close(): Promise<void>;
}
