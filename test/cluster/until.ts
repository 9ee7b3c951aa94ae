/** Waits for a condition, never for a time. */
import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 50;

/**
 * Resolves with the first result of `condition` that is not `undefined` or `false`; a condition that throws is not
 * met yet.
 * @throws when `timeoutSeconds` have passed, with the last error as cause; at once when `broken` returns a reason.
 * `about` adds to the message what may explain it.
 */
export async function until<T>(
  what: string,
  timeoutSeconds: number,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  broken?: () => string | undefined,
  about?: () => string,
): Promise<T> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      last = error;
    }
    const reason = broken?.();
    if (reason !== undefined) throw new Error(`${what}: ${reason}`, { cause: last });
    if (Date.now() > deadline) {
      const why = last instanceof Error ? ` (${last.message})` : "";
      throw new Error(
        `${what}: not after ${timeoutSeconds} s${why}${about === undefined ? "" : `\n${about()}`}`,
        { cause: last },
      );
    }
    await wait(POLL_MS);
  }
}
