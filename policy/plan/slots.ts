import { createHash } from "node:crypto";
import { sortedSet } from "../model/canonical.ts";

/** Where each subject sits, and what stood in the way. */
export interface SlotPlan {
  /** Slot by subject, 0 to size - 1. */
  readonly slots: ReadonlyMap<string, number>;
  /** Subjects that did not get their first choice, with who has it (`undefined`: the slot is reserved). */
  readonly displaced: readonly { readonly subject: string; readonly by: string | undefined }[];
  /** Subjects for which no slot was left. */
  readonly unplaced: readonly string[];
}

/**
 * Gives every subject a slot of its own, from the names alone: there is no memory of an earlier plan, so what was
 * planned in a pull request is what a clean clone plans.
 *
 * A subject's first choice is a hash of its name. Two subjects with the same first choice: the earlier name keeps it, and
 * the other one takes the first free slot of its own probe sequence, after all first choices are given. So a subject on its
 * first choice is moved by one event only: a subject with an earlier name *and* the same first choice is added. A subject
 * that was displaced may move when others come and go. The chance of two sharing a first choice is about n²/(2·size).
 *
 * @param reserved slots that nobody may take.
 */
export function assignSlots(
  subjects: Iterable<string>,
  size: number,
  reserved: ReadonlySet<number> = new Set(),
): SlotPlan {
  const slots = new Map<string, number>();
  const holders = new Map<number, string>();
  const losers: string[] = [];
  const displaced: { subject: string; by: string | undefined }[] = [];
  const unplaced: string[] = [];
  const free = (slot: number) => !holders.has(slot) && !reserved.has(slot);
  const take = (subject: string, slot: number) => {
    slots.set(subject, slot);
    holders.set(slot, subject);
  };
  for (const subject of sortedSet(subjects)) {
    if (size === 0) {
      unplaced.push(subject);
      continue;
    }
    const slot = firstChoice(subject, size);
    if (free(slot)) take(subject, slot);
    else {
      losers.push(subject);
      displaced.push({ subject, by: holders.get(slot) });
    }
  }
  // Only now: a loser that probed earlier could take the first choice of a name that comes later.
  for (const subject of losers) {
    const slot = firstFree(subject, size, free, () => holders.size + reserved.size >= size);
    if (slot === undefined) unplaced.push(subject);
    else take(subject, slot);
  }
  return { slots, displaced, unplaced };
}

/** The slot that a subject gets when nobody else wants it. */
export function firstChoice(subject: string, size: number): number {
  return Number(hashOf(subject).readBigUInt64BE(0) % BigInt(size));
}

function firstFree(
  subject: string,
  size: number,
  free: (slot: number) => boolean,
  full: () => boolean,
): number | undefined {
  if (full()) return undefined;
  const step = probeStep(subject, size);
  let slot = firstChoice(subject, size);
  for (let tried = 1; tried < size; tried++) {
    slot = (slot + step) % size;
    if (free(slot)) return slot;
  }
  return undefined;
}

/** A step that shares no factor with the size visits every slot once; a step of its own keeps subjects from queueing up. */
function probeStep(subject: string, size: number): number {
  if (size <= 2) return 1;
  let step = Number(hashOf(subject).readBigUInt64BE(8) % BigInt(size - 1)) + 1;
  while (greatestCommonDivisor(step, size) !== 1) step = (step % (size - 1)) + 1;
  return step;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function hashOf(subject: string): Buffer {
  return createHash("sha256").update(subject).digest();
}
