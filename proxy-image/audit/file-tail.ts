import { open } from "node:fs/promises";
import { type ChainEnd, hashOf, readSeal } from "../../policy/audit/chain-line.ts";
import { firstBreak } from "./tail-check.ts";

/** How far back a whole line is looked for. */
const LOOK_BACK = 1 << 20;

export interface FileTail {
  /** Bytes in the file. */
  readonly size: number;
  /** Where the chain of its last whole line ended. */
  readonly end: ChainEnd | undefined;
  /** Bytes after the last line feed that are no whole line: what a process that was killed had begun. */
  readonly torn: number;
  /** There is no line feed at the end. */
  readonly open: boolean;
  /** Where a chain does not hold, as far back as it is looked at; undefined when it does. */
  readonly broken: string | undefined;
}

/** The end of a file with records; undefined when there is none. @throws when it is there and cannot be read */
export async function readTail(path: string): Promise<FileTail | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, LOOK_BACK));
    let read = 0;
    while (read < bytes.length) {
      const { bytesRead } = await file.read(bytes, read, bytes.length - read, size - bytes.length + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    const lastFeed = bytes.lastIndexOf(10);
    const rest = bytes.subarray(lastFeed + 1);
    const broken = firstBreak(bytes.subarray(0, lastFeed + 1), size > bytes.length);
    const whole = readSeal(rest);
    // Killed between a line and its line feed: the line is whole, and counts.
    if (whole && hashOf(rest) === whole.hash) return { size, end: endOf(whole), torn: 0, open: true, broken };
    return { size, end: lastOf(bytes, lastFeed), torn: rest.length, open: rest.length > 0, broken };
  } finally {
    await file.close();
  }
}

/** The last line of any chain; lines of something else are passed over. */
function lastOf(bytes: Buffer, lastFeed: number): ChainEnd | undefined {
  for (let end = lastFeed; end > 0; ) {
    const begin = bytes.lastIndexOf(10, end - 1) + 1;
    const found = readSeal(bytes.subarray(begin, end));
    if (found) return endOf(found);
    end = begin - 1;
  }
  return undefined;
}

function endOf({ chain, seq, hash }: ChainEnd): ChainEnd {
  return { chain, seq, hash };
}
