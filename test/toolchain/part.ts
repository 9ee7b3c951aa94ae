/**
 * What a real part is: a program that the tests run beside the project, in one pinned version.
 * A recipe says what it is, where it comes from and how it is made; it does nothing until it is asked for.
 */

/** Where a part was found: its main file, and the version it says it has. */
export interface Found {
  readonly path: string;
  readonly version: string;
}

/** One line of news while a part is being made. */
export type Report = (line: string) => void;

export interface Recipe {
  readonly name: string;
  /** What it is, for the table. */
  readonly title: string;
  /** The pinned version; a part from PATH may have another one that fits. */
  readonly version: string;
  /** Where it comes from, in words: "Go module …", "Debian package …", "PyPI …". */
  readonly source: string;
  /** The main file, relative to the folder that `make` fills; its siblings are the part's other commands. */
  readonly main: string;
  /** About how long making it takes from nothing on two cores, and how large it is. */
  readonly cost: { readonly seconds: number; readonly megabytes: number };
  /** Files that decide what comes out (lock files, sources of our own): a change makes a new cache entry. */
  readonly lock: readonly string[];
  /** The rest of what decides what comes out: flags, versions, interpreter. */
  readonly fingerprint: () => string;
  /** An installation outside of the cache that does as well. */
  readonly find?: () => Found | undefined;
  /** Why it cannot be made on this machine, with what to do about it; `undefined` when it can. */
  readonly blocked: () => string | undefined;
  /** Fills the folder `into`. Absent for what only the system can provide. */
  readonly make: (into: string, report: Report) => Promise<void>;
}

/** A part that is there. */
export interface Part {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  /** The main file (an executable, except for `istio-crds`). */
  readonly path: string;
  /** Of this project's making, or the machine's own. */
  readonly from: "cache" | "machine";
}

/** A part that is not to be had here. Tests that need it fail with this message: nothing is skipped silently. */
export class PartMissing extends Error {
  readonly code = "PART_MISSING";
  readonly part: string;

  constructor(part: string, why: string, options?: ErrorOptions) {
    super(`${part}: ${why}`, options);
    this.name = "PartMissing";
    this.part = part;
  }
}
