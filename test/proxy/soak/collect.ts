/**
 * Runs inside the proxy before its own code (Bun's `--preload`), in tests alone: at SIGUSR2 it collects garbage, and writes
 * what is left to the file that `SOAK_HELD` names. The names of fields are those of `held.ts`.
 */
import { renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";

/** Of Bun's `bun:jsc`, as far as it is used. */
interface HeapStats {
  readonly objectTypeCounts: Readonly<Record<string, number>>;
  /** Bytes of objects, and of what they hold outside of the heap. */
  readonly heapSize: number;
  /** The latter alone. Compiled code is most of it. */
  readonly extraMemorySize: number;
  /** Of the allocator beneath: blocks in use, by size. */
  readonly mimalloc: {
    readonly malloc_bins: readonly { readonly block_size: number; readonly current: number }[];
  };
}

/** Of this size are the blocks that objects of the heap live in. */
const HEAP_BLOCK = 16_384;

const jsc: { heapStats(): HeapStats } = createRequire(import.meta.url)("bun:jsc");
const { Bun } = globalThis as { Bun?: { gc(now: boolean): void } };
const file = process.env["SOAK_HELD"];

/** What one collection finds dead, a finalizer may let go of in the next turn, and with it something else. */
async function collect(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    Bun?.gc(true);
    await wait(20);
  }
}

if (file !== undefined) {
  process.on("SIGUSR2", async () => {
    await collect();
    const { objectTypeCounts, heapSize, extraMemorySize, mimalloc } = jsc.heapStats();
    const blocks = mimalloc.malloc_bins.filter(({ block_size: size }) => size < HEAP_BLOCK);
    const held = {
      objects: objectTypeCounts,
      heap: heapSize - extraMemorySize,
      native: blocks.reduce((sum, { block_size: size, current }) => sum + size * current, 0),
      memory: process.memoryUsage.rss(),
    };
    writeFileSync(`${file}.next`, JSON.stringify(held));
    renameSync(`${file}.next`, file);
  });
}
