import { expect, test } from "vitest";
import { SourceBound, sourceOf } from "./source-bound.ts";

test("one source has a quarter of the places; the others still have theirs, up to all", () => {
  const bound = new SourceBound(() => 8);
  expect([1, 2, 3].map(() => bound.enter("192.0.2.1"))).toEqual([undefined, undefined, "from 192.0.2.1"]);
  for (const address of ["192.0.2.2", "192.0.2.3", "192.0.2.4"]) {
    expect(bound.enter(address)).toBeUndefined();
    expect(bound.enter(address)).toBeUndefined();
  }
  expect(bound.enter("192.0.2.5")).toBe("in all");
  bound.leave("192.0.2.1");
  expect(bound.enter("192.0.2.5")).toBeUndefined();
  expect(bound.size).toBe(8);
});

test("a place that is given back can be taken again, and one that nobody holds is not given back", () => {
  const bound = new SourceBound(() => 4);
  for (let round = 0; round < 100; round++) {
    expect(bound.enter("2001:db8::1")).toBeUndefined();
    bound.leave("2001:db8::1");
  }
  bound.leave("2001:db8::1");
  expect(bound.size).toBe(0);
  expect(bound.enter("2001:db8::1")).toBeUndefined();
});

test("there is one place for each source, however few there are in all", () => {
  const bound = new SourceBound(() => 2);
  expect(bound.enter("192.0.2.1")).toBeUndefined();
  expect(bound.enter("192.0.2.1")).toBe("from 192.0.2.1");
  expect(bound.enter("192.0.2.2")).toBeUndefined();
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"],
  ["fe80::1%eth0", "fe80::/64"],
  ["", ""],
])("%j counts as %j", (address, source) => {
  expect(sourceOf(address)).toBe(source);
});
