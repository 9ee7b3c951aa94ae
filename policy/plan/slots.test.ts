import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignSlots, firstChoice } from "./slots.ts";

const name = fc.stringMatching(/^[a-z]{1,6}$/);
const names = fc.uniqueArray(name, { maxLength: 40 });
// From a tiny range, where nearly everybody collides, to one where hardly anybody does.
const size = fc.constantFrom(1, 2, 7, 16, 60, 256, 65_536);
const reserved = fc.uniqueArray(fc.nat(63), { maxLength: 8 }).map((list) => new Set(list));

describe("slots", () => {
  test("nobody shares a slot, nobody sits outside or on a reserved one, and all get one while there are any", () => {
    fc.assert(
      fc.property(names, size, reserved, (subjects, slots, taken) => {
        const inside = new Set([...taken].filter((slot) => slot < slots));
        const plan = assignSlots(subjects, slots, inside);
        const used = [...plan.slots.values()];
        expect(new Set(used).size).toBe(used.length);
        for (const slot of used) {
          expect(slot).toBeGreaterThanOrEqual(0);
          expect(slot).toBeLessThan(slots);
          expect(inside.has(slot)).toBe(false);
        }
        expect(used.length).toBe(Math.min(subjects.length, slots - inside.size));
        expect(plan.unplaced.length).toBe(subjects.length - used.length);
      }),
    );
  });

  test("the order in which subjects are given does not matter", () => {
    fc.assert(
      fc.property(names, size, fc.infiniteStream(fc.nat()), (subjects, slots, random) => {
        const shuffled = subjects
          .map((subject) => ({ subject, at: random.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ subject }) => subject);
        expect(assignSlots(shuffled, slots)).toEqual(assignSlots(subjects, slots));
      }),
    );
  });

  test("adding a subject moves another from its first choice only if both have the same one and the newcomer's name is earlier", () => {
    fc.assert(
      fc.property(names, name, size, (subjects, newcomer, slots) => {
        fc.pre(!subjects.includes(newcomer));
        const before = assignSlots(subjects, slots);
        const after = assignSlots([...subjects, newcomer], slots);
        for (const subject of subjects) {
          if (before.slots.get(subject) !== firstChoice(subject, slots)) continue;
          if (before.displaced.some((one) => one.subject === subject)) continue;
          const contested = firstChoice(newcomer, slots) === firstChoice(subject, slots);
          if (contested && newcomer < subject) continue;
          expect([subject, after.slots.get(subject)]).toEqual([subject, before.slots.get(subject)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("removing a subject moves nobody from its first choice", () => {
    fc.assert(
      fc.property(names, fc.nat(), size, (subjects, index, slots) => {
        fc.pre(subjects.length > 0);
        const gone = subjects[index % subjects.length];
        const before = assignSlots(subjects, slots);
        const displaced = new Set(before.displaced.map(({ subject }) => subject));
        const after = assignSlots(
          subjects.filter((subject) => subject !== gone),
          slots,
        );
        for (const subject of subjects) {
          if (subject === gone || displaced.has(subject)) continue;
          expect([subject, after.slots.get(subject)]).toEqual([subject, before.slots.get(subject)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("everybody who may move is told of", () => {
    fc.assert(
      fc.property(names, size, (subjects, slots) => {
        const { slots: plan, displaced, unplaced } = assignSlots(subjects, slots);
        const told = new Set([...displaced.map(({ subject }) => subject), ...unplaced]);
        for (const [subject, slot] of plan) {
          expect(told.has(subject)).toBe(slot !== firstChoice(subject, slots));
        }
      }),
    );
  });

  test("a range of none places nobody", () => {
    expect(assignSlots(["a"], 0).unplaced).toEqual(["a"]);
  });
});
