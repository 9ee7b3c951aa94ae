let waiting = 0;

/**
 * Calls `work` in the next turn of the event loop, as `setImmediate` does, and is known to wait: the sockets of
 * `native/poller.ts` do not sleep while something of the proxy's own wants its turn.
 */
export function nextTurn(work: () => void): void {
  waiting += 1;
  setImmediate(() => {
    waiting -= 1;
    work();
  });
}

/** Calls of {@link nextTurn} that have not been made yet. */
export function turnsWaiting(): number {
  return waiting;
}
