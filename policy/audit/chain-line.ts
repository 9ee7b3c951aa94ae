import { hash } from "node:crypto";

/**
 * How records are chained. A line of a chain is a JSON object whose last four keys are
 *
 *     …,"chain":"ID","seq":N,"prev":"HASH","hash":"HASH"}
 *
 * `hash` is the SHA-256, in base64url without padding, of the bytes of the line before `,"hash":`; `prev` is the hash of the
 * line with the number before. So it is checked over the bytes as they are: nothing is parsed and written again. What
 * stands in a record cannot look like this end, because a quote inside of JSON text is escaped.
 */
export interface Seal {
  /** One start of one process: its lines are numbered from 0. */
  readonly chain: string;
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/** What the first line of a chain has as `prev`: no hash is all zeros. */
export const GENESIS = "A".repeat(43);

/** Longest end of a line: a chain id has at most 64 characters, a number 16. */
export const MAX_SEAL_BYTES = 240;

const END = /,"chain":"([\w-]{1,64})","seq":(\d{1,15}),"prev":"([\w-]{43})","hash":"([\w-]{43})"\}$/;
/** `,"hash":"` + 43 + `"}` */
const HASH_END = 54;

/** Puts a line into a chain. @param body a JSON object without the closing brace; it has at least one key */
export function seal(body: string, chain: string, seq: number, prev: string): { line: string; hash: string } {
  const hashed = `${body},"chain":"${chain}","seq":${seq},"prev":"${prev}"`;
  const digest = hash("sha256", hashed, "base64url");
  return { line: `${hashed},"hash":"${digest}"}\n`, hash: digest };
}

/** The end of a line, without its line feed; undefined where it is of no chain. Says nothing of whether it is true. */
export function readSeal(line: Buffer): Seal | undefined {
  const end = line.toString("latin1", Math.max(0, line.length - MAX_SEAL_BYTES));
  const match = END.exec(end);
  const [, chain, seq, prev, digest] = match ?? [];
  if (chain === undefined || seq === undefined || prev === undefined || digest === undefined)
    return undefined;
  return { chain, seq: Number(seq), prev, hash: digest };
}

/** The hash that a line of a chain must have. */
export function hashOf(line: Buffer): string {
  return hash("sha256", line.subarray(0, line.length - HASH_END), "base64url");
}

/** What a checkpoint signs: everything up to the line before it, by that line's hash. */
export function checkpointBytes(chain: string, seq: number, prev: string): Buffer {
  return Buffer.from(`portreeve-audit-checkpoint-1\n${chain}\n${seq}\n${prev}\n`);
}

/** Lines that a chain has besides records. */
export type ChainEvent = "start" | "rotate" | "gap" | "checkpoint";

/** Where a chain ended, as the next one in the same place found it. */
export interface ChainEnd {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
}
