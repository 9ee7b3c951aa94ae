import { expect, test } from "vitest";
import { PairCache } from "./pair-cache.ts";
import { SeriesRegistry } from "./series.ts";

test("a gauge of what is there no more is not told; a counter is", () => {
  const registry = new SeriesRegistry(10);
  const set = (service: string) => {
    registry.forgetGauges();
    registry.gauge("waiting", "")(`service="${service}"`, 1);
    registry.counter("closed", "")(`service="${service}"`, 1);
  };
  set("old");
  set("new");
  expect(registry.snapshot().map(({ name, series }) => [name, series])).toEqual([
    ["waiting", [['service="new"', 1]]],
    [
      "closed",
      [
        ['service="old"', 1],
        ['service="new"', 1],
      ],
    ],
  ]);
});

test("as many gauges as there have ever been do not use up the bound on series", () => {
  const registry = new SeriesRegistry(10);
  for (let index = 0; index < 100; index++) {
    registry.forgetGauges();
    registry.gauge("waiting", "")(`service="s${index}"`, index);
  }
  expect(registry.snapshot()[0]?.series).toEqual([['service="s99"', 99]]);
});

test("texts by two names are bounded in both", () => {
  const cache = new PairCache();
  for (let index = 0; index < 5_000; index++) cache.of(`listener-${index}`, "denied", () => String(index));
  expect(cache.size).toBeLessThanOrEqual(1_000);
  for (let index = 0; index < 25_000; index++) cache.of("listener", `rule-${index}`, () => String(index));
  expect(cache.of("listener", "rule-24999", () => "put together anew")).toBe("24999");
  expect(cache.of("listener", "rule-0", () => "put together anew")).toBe("put together anew");
});

test("a counter counts on for labels that it knows, and together what is beyond the bound", () => {
  const registry = new SeriesRegistry(2);
  const count = registry.counter("closed", "");
  for (const labels of ["a", "b", "c", "a", "d"]) count(labels, 2);
  expect(registry.snapshot()[0]?.series).toEqual([
    ["a", 4],
    ["b", 2],
    ['overflow="true"', 4],
  ]);
});
