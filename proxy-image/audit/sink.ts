/** A place where records go. */
export interface Sink {
  /**
   * Writes whole lines. Rejects when they are not written; then none of them counts as written.
   *
   * @param lines how many there are
   */
  write(text: string, lines: number): Promise<void>;
  close(): Promise<void>;
}
