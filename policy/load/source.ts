import type { Position } from "../finding.ts";
import type { Document, Kind } from "../schema/index.ts";

/** A step into a document: a key or an index. */
export type Path = readonly (string | number)[];

/** A parsed policy document and where it was written. */
export interface Sourced<K extends Kind = Kind> {
  /** What was written, checked, with every default filled in. */
  readonly document: Document<K>;
  /** Where the object starts. */
  readonly position: Position | undefined;
  /** Where the value at `path` was written; the nearest enclosing value when the path itself is not there. */
  locate(path: Path): Position | undefined;
}

/** A document before its schema was checked: plain data as parsed, and where each part stands. */
export interface RawDocument {
  readonly value: unknown;
  readonly position: Position | undefined;
  locate(path: Path, at?: "key" | "value"): Position | undefined;
  /** The value at `path` as its author wrote it, where that is text. */
  written?(path: Path): string | undefined;
}
