import type { Listeners } from "../accept.ts";
import type { ProxyState } from "../state.ts";

/** Ends a process in order: not ready, no new connections, live ones may finish, what is left is closed with its record. */
export async function drain(
  state: ProxyState,
  listeners: Listeners,
): Promise<{ finished: number; forced: number }> {
  const { delay, deadline } = state.generation.config.drain;
  const before = state.live.size;
  state.draining = true;
  await pause(delay);
  // From here on the kernel refuses: a balancer tries another instance.
  listeners.stop();
  const until = performance.now() + deadline;
  while (state.live.size > 0 && performance.now() < until) await pause(20);
  const forced = state.live.size;
  for (const connection of [...state.live]) connection.finish("drain-deadline");
  await state.audit.drained();
  await state.audit.close();
  return { finished: before - forced, forced };
}

function pause(milliseconds: number): Promise<void> {
  return milliseconds === 0
    ? Promise.resolve()
    : new Promise((done) => {
        setTimeout(done, milliseconds);
      });
}
