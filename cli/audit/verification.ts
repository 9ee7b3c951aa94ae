import type { KeyObject } from "node:crypto";

/** What is wrong, stable for programs. */
export type ProblemKind =
  | "changed"
  | "replaced"
  | "missing"
  | "reordered"
  | "repeated"
  | "inserted"
  | "cut-start"
  | "cut-end"
  | "missing-chain"
  | "signature"
  | "unsigned"
  | "expected";

export interface Problem {
  readonly kind: ProblemKind;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Something that happened and explains itself, or that nobody can know from these files. */
export interface Note {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface ChainSummary {
  readonly chain: string;
  readonly first: number;
  readonly last: number;
  readonly hash: string;
  readonly lines: number;
  /** The chain's last line says that it is the last. */
  readonly closed: boolean;
  /** Lines after the last checkpoint whose signature was verified; undefined without a key. */
  readonly unprotected: number | undefined;
}

export interface Verification {
  readonly problems: readonly Problem[];
  /** Problems beyond those listed. */
  readonly more: number;
  readonly notes: readonly Note[];
  readonly chains: readonly ChainSummary[];
  readonly lines: number;
  readonly bytes: number;
}

/** A line that somebody noted down, such as from the proxy's own log; without a chain, of any. */
export interface Expected {
  readonly chain?: string | undefined;
  readonly seq: number;
  readonly hash: string;
}

export interface VerifyOptions {
  /** Public keys that checkpoints may be signed with. @default none: signatures are not checked */
  readonly keys?: readonly KeyObject[] | undefined;
  /** Lines that must be there, as somebody kept them elsewhere. */
  readonly expect?: readonly Expected[] | undefined;
  /** The files are a part of what was written, as a collector cuts it: a beginning that is not there is no problem. */
  readonly partial?: boolean | undefined;
}
