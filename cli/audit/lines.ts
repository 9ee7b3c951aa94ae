import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CliError } from "../exit.ts";

/** A record is about a kilobyte; what is longer than this is no record, and must not fill the memory. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const FEED = 10;

export interface LineVisitor {
  /** @param line without its line feed; only valid during the call */
  line(line: Buffer, number: number): void;
  /** What stands after the last line feed. */
  rest?(bytes: Buffer, number: number): void;
}

/**
 * Reads a file, or standard input for `-`, line by line, in pieces; `*.gz` is unpacked on the way.
 *
 * @throws CliError when it cannot be read, or holds something that is no lines
 */
export async function readLines(file: string, visitor: LineVisitor): Promise<void> {
  let kept: Buffer = Buffer.alloc(0);
  let number = 0;
  const take = (chunk: Buffer): void => {
    const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    let begin = 0;
    for (let end = bytes.indexOf(FEED, kept.length); end >= 0; end = bytes.indexOf(FEED, begin)) {
      number += 1;
      visitor.line(bytes.subarray(begin, end), number);
      begin = end + 1;
    }
    kept = bytes.subarray(begin);
    if (kept.length > MAX_LINE_BYTES) {
      throw new CliError(
        `${file}:${number + 1}: a line of more than ${MAX_LINE_BYTES >> 20} MiB is no record`,
      );
    }
  };
  const consume = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) take(chunk);
  };
  try {
    if (file === "-") await consume(process.stdin);
    else if (file.endsWith(".gz")) {
      await pipeline(
        createReadStream(file, { highWaterMark: 1 << 20 }),
        createGunzip({ chunkSize: 1 << 18 }),
        consume,
      );
    } else await consume(createReadStream(file, { highWaterMark: 1 << 20 }));
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(
      `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      undefined,
      {
        cause,
      },
    );
  }
  if (kept.length > 0) visitor.rest?.(kept, number + 1);
}
