import type { Connection } from "../connection.ts";
import { type Outcome, refused } from "../credentials/credential.ts";
import { SourceBound } from "../credentials/source-bound.ts";

/** A verification that takes longer waits for somebody else: most are done with keys that are here, in a millisecond. */
const SOON_MS = 50;

/**
 * Clients that wait until an identity provider answers. They count as no handshakes, and have a bound and a time of their
 * own: were they handshakes, a provider that hangs would keep out workloads, whose certificates need no provider.
 */
export class CredentialWaits {
  readonly #waiting = new Map<Connection, () => void>();
  readonly #bound: SourceBound;

  /** @param max clients that may wait; a part of them from one address */
  constructor(max: () => number) {
    this.#bound = new SourceBound(max);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param expire called when the connection's time is over
   * @returns which bound is reached, in words; undefined when it may wait
   */
  enter(connection: Connection, expire: () => void): string | undefined {
    const reached = this.#bound.enter(connection.sourceAddress);
    if (reached !== undefined) return reached;
    this.#waiting.set(connection, expire);
    const { state } = connection;
    state.handshakes -= 1;
    connection.deadline = state.deadlines.now + state.generation.config.limits.credentialTimeout;
    state.deadlines.set(connection, connection.deadline);
    return undefined;
  }

  /** It has its answer, or is gone; false when it did not wait. */
  leave(connection: Connection): boolean {
    if (!this.#waiting.delete(connection)) return false;
    this.#bound.leave(connection.sourceAddress);
    return true;
  }

  /** Its time is over; false when it did not wait. */
  expire(connection: Connection): boolean {
    const expire = this.#waiting.get(connection);
    expire?.();
    return expire !== undefined;
  }
}

/**
 * Tells a client's stage what became of its credential, once, while the client is still there: the outcome, or that there
 * was none in time.
 *
 * @param done told the outcome, and for the record what was wrong where the client is not told
 */
export function awaitOutcome(
  connection: Connection,
  verification: Promise<Outcome>,
  done: (outcome: Outcome, detail?: string) => void,
): void {
  const { state } = connection;
  let over = false;
  const end = (outcome: Outcome, detail?: string) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (connection.phase !== "identify") return;
    if (state.credentialWaits.leave(connection)) {
      state.handshakes += 1;
      connection.deadline = state.deadlines.now + state.generation.config.limits.handshakeTimeout;
    }
    try {
      done(outcome, detail);
    } catch (error) {
      connection.finish("internal-error", wordsOf(error));
    }
  };
  const timer = setTimeout(() => {
    if (over || connection.phase !== "identify") return;
    const reached = state.credentialWaits.enter(connection, () =>
      end(refused("unavailable", "the identity provider did not answer in time")),
    );
    if (reached === undefined) return;
    end(refused("unavailable", `too many clients wait for an identity provider ${reached}; try again`));
  }, SOON_MS);
  verification.then(end, (error: unknown) =>
    end(refused("unavailable", "the credential could not be verified"), wordsOf(error)),
  );
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
