import { describe, expect, test } from "vitest";
import { random } from "../hostile-corpus.ts";
import { faultsOf, growthOf, type Sample, slopeOf } from "./growth.ts";
import { type Held, least } from "./held.ts";

const MB = 1_000_000;

/** What is held after a collection, `index` samples into a run: code that is compiled, and by chance a configuration. */
function heldAt(index: number): Held {
  const chance = index % 4 === 0 ? 281 : 0;
  return {
    objects: { Object: 4_090 + chance, Structure: 6_900 + 3 * index, string: 6_150 + (index % 5) * 30 },
    heap: 5.1 * MB + (index % 3) * 20_000,
    native: 15 * MB + Math.min(index, 40) * 0.06 * MB,
    memory: 88 * MB + Math.min(index, 40) * 0.1 * MB,
  };
}

/**
 * A run of `total` connections in 120 samples: 90 MB at least, up to 60 MB of garbage above it, caches that are filled in
 * the beginning, and `leak` bytes for each connection. Every sixth is taken after a collection as well.
 */
function run(leak: number, total: number, change: (index: number) => Partial<Sample> = () => ({})): Sample[] {
  const next = random(1);
  return Array.from({ length: 120 }, (_, index) => {
    const connections = Math.round(((index + 1) * total) / 120);
    const caches = Math.min(index, 20) * MB;
    const garbage = ((index % 7) * 9 + next(10)) * MB;
    return {
      connections,
      memory: 70 * MB + caches + garbage + leak * connections,
      descriptors: index % 3 === 0 ? 17 : 15,
      left: { live: 0 },
      ...(index % 6 === 5 ? { held: heldAt(index) } : {}),
      ...change(index),
    };
  });
}

/** A run after whose collections more is held than should be. */
function holding(change: (held: Held, index: number) => Partial<Held>): Sample[] {
  return run(0, 2_000_000, (index) => {
    if (index % 6 !== 5) return {};
    const held = heldAt(index);
    return { held: { ...held, ...change(held, index) } };
  });
}

describe("a run", () => {
  test.each([100_000, 2_000_000])(
    "of %i without growth is passed, whatever caches, compiled code and garbage do",
    (total) => {
      expect(faultsOf(run(0, total))).toEqual([]);
    },
  );

  test("of two million that forgets 64 bytes for each connection is not", () => {
    expect(faultsOf(run(64, 2_000_000))).toEqual([
      expect.stringMatching(/^memory grew by [0-9.]+ MB over 1333333 connections/),
    ]);
  });

  test("of a hundred thousand that forgets each connection is not", () => {
    expect(faultsOf(run(2_000, 100_000))).toHaveLength(1);
  });

  test("that forgets one object for each of 120 reloads is not, and the type is named", () => {
    const leaking = holding(({ objects }, index) => ({
      objects: { ...objects, Object: (objects["Object"] ?? 0) + index, TLSSocket: index },
    }));
    expect(faultsOf(leaking)).toEqual([
      expect.stringMatching(/^objects of the type Object: \d+ more/),
      expect.stringMatching(/^objects of the type TLSSocket: 4[0-9] more/),
    ]);
  });

  test("that forgets a number of each connection in an array is not: no object, and still heap", () => {
    expect(faultsOf(holding(({ heap }, index) => ({ heap: heap + (index * 8 * 2_000_000) / 120 })))).toEqual([
      expect.stringMatching(/^heap: 5\.[0-9] MB more/),
    ]);
  });

  test("that forgets 100 bytes outside of the heap for each tenth connection is not", () => {
    const leaking = holding(({ native }, index) => ({ native: native + (index * 100 * 200_000) / 120 }));
    expect(faultsOf(leaking)).toEqual([expect.stringMatching(/^outside of the heap: [67]\.[0-9] MB more/)]);
  });

  test("whose resident memory grows, whatever is in it, is not", () => {
    const leaking = holding(({ memory }, index) => ({ memory: memory + (index * 60 * MB) / 120 }));
    expect(faultsOf(leaking)).toEqual([expect.stringMatching(/^resident memory: 2[0-9]\.[0-9] MB more/)]);
  });

  test("that was not asked what it holds is not: it proves nothing", () => {
    const unasked = run(0, 2_000_000).map(({ held: _, ...sample }) => sample);
    expect(faultsOf(unasked)).toEqual(["what is held was not asked often enough to be judged"]);
  });

  test("that forgets one descriptor, or one connection at the end, is not", () => {
    const descriptor = run(0, 2_000_000, (index) => ({ descriptors: index > 70 ? 16 : 15 }));
    expect(faultsOf(descriptor)).toEqual(["16 descriptors are open, 15 before"]);
    const connection = run(0, 2_000_000, (index) => ({ left: { live: index === 119 ? 1 : 0 } }));
    expect(faultsOf(connection)).toEqual(["live: 1 left, and nothing is connected"]);
  });

  test("is not judged by the moment in which a file was being rotated, nor by new certificates' ports", () => {
    const moment = run(0, 2_000_000, (index) => ({
      descriptors: index === 60 ? 14 : index % 7 === 0 ? 28 : 15,
    }));
    expect(faultsOf(moment)).toEqual([]);
  });

  test("that is too short to be judged is an error", () => {
    expect(() => growthOf(run(0, 1_000).slice(0, 1))).toThrow("make more connections");
  });
});

test("a straight line is found through points that lie about it", () => {
  const next = random(7);
  const points = Array.from({ length: 50 }, (_, x): [number, number] => [x, 3 * x + 5 + next(3) - 1]);
  expect(slopeOf(points)).toBeCloseTo(3, 1);
});

test("of several collections the least of each type counts, and none of a type that one did not find", () => {
  const one = { objects: { Object: 5, Map: 2 }, heap: 10, native: 3, memory: 7 };
  const other = { objects: { Object: 4, Set: 1 }, heap: 12, native: 4, memory: 6 };
  expect(least([one, other])).toEqual({
    objects: { Object: 4, Map: 0, Set: 0 },
    heap: 10,
    native: 3,
    memory: 6,
  });
});
