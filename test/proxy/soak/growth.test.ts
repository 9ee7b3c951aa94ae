import { describe, expect, test } from "vitest";
import { random } from "../hostile-corpus.ts";
import { faultsOf, growthOf, type Sample } from "./growth.ts";

const MB = 1_000_000;

/**
 * A run of `total` connections in 120 samples: 90 MB at least, up to 60 MB of garbage above it, caches that are filled in
 * the beginning, and `leak` bytes for each connection.
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
      ...change(index),
    };
  });
}

describe("a run", () => {
  test.each([100_000, 2_000_000])(
    "of %i without growth is passed, whatever caches and garbage do",
    (total) => {
      expect(faultsOf(run(0, total))).toEqual([]);
    },
  );

  test("of two million that forgets 64 bytes for each connection is not", () => {
    expect(faultsOf(run(64, 2_000_000))).toEqual([
      expect.stringMatching(/^memory grew by [0-9.]+ MB over [0-9]+ connections/),
    ]);
  });

  test("of a hundred thousand that forgets each connection is not", () => {
    expect(faultsOf(run(2_000, 100_000))).toHaveLength(1);
  });

  test("that forgets one descriptor, or one connection at the end, is not", () => {
    const descriptor = run(0, 2_000_000, (index) => ({ descriptors: index > 70 ? 16 : 15 }));
    expect(faultsOf(descriptor)).toEqual(["at least 16 descriptors are open, 15 before"]);
    const connection = run(0, 2_000_000, (index) => ({ left: { live: index === 119 ? 1 : 0 } }));
    expect(faultsOf(connection)).toEqual(["live: 1 left, and nothing is connected"]);
  });

  test("that is too short to be judged is an error", () => {
    expect(() => growthOf(run(0, 1_000).slice(0, 1))).toThrow("make more connections");
  });
});
