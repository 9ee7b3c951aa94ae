import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { compareText } from "../../policy/finding.ts";
import { messageOf } from "../people/private-file.ts";
import { type Seen, seenIn } from "./records.ts";

/** Of a file that is there already, so much of its end is read; and no more at once later. */
const MOST_BYTES = 4 * 1024 * 1024;
const FEED = 10;
/** What a proxy writes to: not what was rotated away, packed or exported. */
const WRITTEN = /\.(jsonl|ndjson|log|json)(\.worker-\d+)?$/;

interface Followed {
  readonly fd: number;
  readonly inode: number;
  position: number;
  /** What stands after the last line feed. */
  rest: Buffer;
  /** How often in a row its folder was looked at and did not have it. */
  absent: number;
}

/** A rotated file has no name for a moment, and its writer may still end a line in it; one that is absent for longer is gone. */
const ABSENT_LOOKS = 5;

/** New records of the files, and what kept some from being read. */
export interface Tailed {
  readonly records: readonly Seen[];
  readonly problems: readonly string[];
}

/**
 * Follows files with records, in folders also those that come later. A file that is rotated is read to its end first. Whoever
 * uses it asks again and again: notice of changes is not to be had on every file system, network mounts among them.
 */
export class Tail {
  readonly #paths: readonly string[];
  readonly #open = new Map<string, Followed>();

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** What was written since the last time, the oldest first; the first time, the end of what is there. */
  read(): Tailed {
    const records: Seen[] = [];
    const problems: string[] = [];
    const attempt = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        problems.push(messageOf(error));
      }
    };
    for (const path of this.#paths) {
      attempt(() => {
        const { files, isFolder } = filesAt(path);
        // One that cannot be read keeps nobody from the others.
        for (const file of files) {
          attempt(() => {
            const skipped = this.#follow(file, records);
            if (skipped > 0)
              problems.push(`${file}: ${skipped} bytes passed over, more than can be shown at once`);
          });
        }
        if (isFolder) this.#letGo(path, new Set(files), records);
      });
    }
    // Of several files, such as those of workers, one comes after the other; what is shown is the latest of all.
    records.sort((a, b) => compareText(a.time, b.time));
    return { records, problems };
  }

  /** A file that was deleted keeps its place on the disk for as long as it is open. */
  #letGo(folder: string, files: ReadonlySet<string>, into: Seen[]): void {
    for (const [file, followed] of this.#open) {
      if (dirname(file) !== join(folder) || files.has(file)) {
        followed.absent = 0;
        continue;
      }
      take(followed, into);
      followed.absent += 1;
      if (followed.absent < ABSENT_LOOKS) continue;
      closeSync(followed.fd);
      this.#open.delete(file);
    }
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  /** @returns bytes that were too many */
  #follow(path: string, into: Seen[]): number {
    const known = this.#open.get(path);
    let skipped = known ? take(known, into) : 0;
    const inode = inodeOf(path);
    if (known && known.inode === inode && known.position <= fstatSync(known.fd).size) return skipped;
    if (known) {
      closeSync(known.fd);
      this.#open.delete(path);
    }
    if (inode === undefined) {
      // Between the names of a rotation there may be no such file.
      if (known) return skipped;
      throw new Error(`${path}: there is no such file`);
    }
    // To open a pipe would wait for a writer, and with it everything.
    if (!statSync(path).isFile()) throw new Error(`${path}: is no ordinary file`);
    const fd = openSync(path, "r");
    const { size, ino } = fstatSync(fd);
    const begin = known ? 0 : Math.max(0, size - MOST_BYTES);
    const next: Followed = { fd, inode: ino, position: begin, rest: Buffer.alloc(0), absent: 0 };
    this.#open.set(path, next);
    if (begin > 0) next.rest = CUT;
    skipped += take(next, into);
    return skipped;
  }
}

/** Stands before the first line when that is cut: no record begins with it. */
const CUT = Buffer.from("…");

function take(file: Followed, into: Seen[]): number {
  const { size } = fstatSync(file.fd);
  if (size <= file.position) return 0;
  const begin = Math.max(file.position, size - MOST_BYTES);
  const skipped = begin - file.position;
  if (skipped > 0) file.rest = CUT;
  const chunk = Buffer.alloc(size - begin);
  const read = readSync(file.fd, chunk, 0, chunk.length, begin);
  file.position = begin + read;
  const bytes = Buffer.concat([file.rest, chunk.subarray(0, read)]);
  let start = 0;
  for (let end = bytes.indexOf(FEED); end >= 0; end = bytes.indexOf(FEED, start)) {
    const seen = seenIn(bytes.toString("utf8", start, end));
    if (seen) into.push(seen);
    start = end + 1;
  }
  // A line without an end is no record, and must not fill the memory.
  file.rest = bytes.length - start > MOST_BYTES ? CUT : Buffer.from(bytes.subarray(start));
  return skipped;
}

function filesAt(path: string): { files: readonly string[]; isFolder: boolean } {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return { files: [path], isFolder: false };
  const files = readdirSync(path)
    .filter((name) => WRITTEN.test(name))
    .sort()
    .map((name) => join(path, name));
  return { files, isFolder: true };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
