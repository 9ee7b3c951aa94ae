import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Before } from "./chain.ts";
import { readTail } from "./file-tail.ts";
import type { Sink } from "./sink.ts";

export interface FileSinkOptions {
  readonly path: string;
  /** Rotated when a write would take the file beyond this many bytes. */
  readonly maxBytes: number;
  /** Rotated files kept: `path.1` is the youngest. */
  readonly maxFiles: number;
  readonly fsync: "never" | "interval" | "always";
}

/** Appends records to a file, and rotates it by size. */
export class FileSink implements Sink {
  readonly name = "file";
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #size = 0;
  #syncedAt = 0;
  /** Room was made, and what begins a new file was put in front of the next write: it must not be rotated away again. */
  #prepared = false;
  /** A process that was killed left a line without its end, which must not become the beginning of the next. */
  #unended = false;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  get most(): number {
    return this.#options.maxBytes;
  }

  async before(): Promise<Before> {
    const { path } = this.#options;
    const current = await readTail(path);
    this.#unended = current?.open === true;
    const torn = current?.torn || undefined;
    if (current?.end) return { after: { ...current.end, here: true }, torn, broken: current.broken };
    // A process that ended between rotating and writing left an empty file.
    const older = await readTail(`${path}.1`);
    return {
      after: older?.end && { ...older.end, here: false },
      torn,
      broken: current?.broken ?? older?.broken,
    };
  }

  async prepare(bytes: number): Promise<boolean> {
    if (this.#prepared) return false;
    const file = await this.#opened();
    const rotate = this.#size > 0 && this.#size + bytes > this.#options.maxBytes;
    if (rotate) await this.#rotate(file);
    this.#prepared = true;
    return rotate;
  }

  async write(text: string): Promise<void> {
    const bytes = Buffer.from(this.#unended ? `\n${text}` : text);
    let file = await this.#opened();
    if (!this.#prepared && this.#size > 0 && this.#size + bytes.length > this.#options.maxBytes)
      file = await this.#rotate(file);
    const before = this.#size;
    try {
      await writeWhole(file, bytes);
    } catch (error) {
      // A disk that fills up in the middle of a line leaves half a record: cut it off, so that the file stays readable
      // and the retry writes each record once.
      await file.truncate(before).catch(() => {});
      await this.#reopen();
      throw error;
    }
    this.#size = before + bytes.length;
    this.#prepared = false;
    this.#unended = false;
    await this.#sync(file);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #opened(): Promise<FileHandle> {
    if (this.#file) return this.#file;
    const file = await open(this.#options.path, "a", 0o640);
    this.#size = (await file.stat()).size;
    this.#file = file;
    return file;
  }

  async #reopen(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
  }

  async #rotate(file: FileHandle): Promise<FileHandle> {
    const { path, maxFiles } = this.#options;
    await file.close();
    this.#file = undefined;
    await rm(`${path}.${maxFiles}`, { force: true });
    for (let age = maxFiles - 1; age >= 1; age--) await renameIfThere(`${path}.${age}`, `${path}.${age + 1}`);
    await renameIfThere(path, `${path}.1`);
    this.#unended = false;
    return this.#opened();
  }

  async #sync(file: FileHandle): Promise<void> {
    const { fsync } = this.#options;
    if (fsync === "never") return;
    const now = performance.now();
    if (fsync === "interval" && now - this.#syncedAt < 1_000) return;
    this.#syncedAt = now;
    await file.datasync();
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset);
    offset += bytesWritten;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
