/** What a proxy still holds when nothing is connected and its garbage is collected. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { until } from "../../cluster/until.ts";

const schema = z.object({
  /** Live objects by what the engine calls them. */
  objects: z.record(z.string(), z.number()),
  /** Bytes of those objects, without what they hold outside of the heap. */
  heap: z.number(),
  /** Bytes in blocks below 16 KiB that are allocated outside of the heap: TLS, sockets, what the compiler notes. */
  native: z.number(),
  /** Resident memory, bytes. */
  memory: z.number(),
});

export type Held = z.infer<typeof schema>;

/** The environment of a proxy that can be asked with {@link askHeld}. */
export function heldEnvironment(file: string): Record<string, string> {
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...Object.fromEntries(own),
    BUN_OPTIONS: `--preload=${join(import.meta.dirname, "collect.ts")}`,
    SOAK_HELD: file,
  };
}

/**
 * Has the proxy collect its garbage three times, with work in between, and takes the least of each: the collector looks at
 * the stack word by word, and one left there by chance can keep a whole configuration, which the next work overwrites.
 *
 * @param work something that the proxy does in the meantime
 */
export async function askHeld(pid: number, file: string, work: () => Promise<unknown>): Promise<Held> {
  const answers: Held[] = [];
  while (answers.length < 3) {
    await work();
    rmSync(file, { force: true });
    process.kill(pid, "SIGUSR2");
    answers.push(
      await until("the proxy to have collected its garbage", 30, () =>
        schema.parse(JSON.parse(readFileSync(file, "utf8"))),
      ),
    );
  }
  return least(answers);
}

/** The least of each; what one of them has not got is none of. */
export function least(answers: readonly Held[]): Held {
  const types = new Set(answers.flatMap(({ objects }) => Object.keys(objects)));
  return {
    objects: Object.fromEntries(
      [...types].map((type) => [type, Math.min(...answers.map(({ objects }) => objects[type] ?? 0))]),
    ),
    heap: Math.min(...answers.map(({ heap }) => heap)),
    native: Math.min(...answers.map(({ native }) => native)),
    memory: Math.min(...answers.map(({ memory }) => memory)),
  };
}
