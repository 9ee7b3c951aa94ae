import { describe, expect, it } from "vitest";
import { GENESIS, seal } from "../../policy/audit/chain-line.ts";
import { firstBreak } from "./tail-check.ts";

/** Lines of one chain, each with its line feed. */
function chainOf(id: string, count: number, more: Readonly<Record<number, object>> = {}): string[] {
  let prev = GENESIS;
  return Array.from({ length: count }, (_, n) => {
    const body = JSON.stringify({ event: n === 0 ? "start" : "close", n, ...more[n] });
    const sealed = seal(body.slice(0, -1), id, n, prev);
    prev = sealed.hash;
    return sealed.line;
  });
}
const check = (lines: readonly string[]): string | undefined =>
  firstBreak(Buffer.from(lines.join("")), false);

describe("the end of a file", () => {
  const lines = chainOf("one", 20);

  it("holds: as it was written, cut at its beginning, of two chains, with a line that a killed process left", () => {
    expect(check(lines)).toBeUndefined();
    expect(check([])).toBeUndefined();
    const whole = Buffer.from(lines.join(""));
    for (let cut = 0; cut < whole.length; cut += 7) {
      expect(firstBreak(whole.subarray(cut), true)).toBeUndefined();
    }
    expect(check([...lines, '{"time":"2026-11-21T12:00\n', ...chainOf("two", 5)])).toBeUndefined();
  });

  it("does not where a line was changed, the last and the first too", () => {
    for (const at of [0, 7, 19]) {
      const changed = lines.with(at, lines[at]?.replace(`"n":${at}`, '"n":99') ?? "");
      expect(check(changed)).toBe(`chain one, line ${at} is not as it was written`);
    }
  });

  it("does not where one was written anew with a hash of its own", () => {
    const anew = seal('{"event":"close","n":99', "one", 7, "B".repeat(43)).line;
    expect(check(lines.with(7, anew))).toBe("chain one, line 7 does not follow the line before it");
    expect(check(lines.with(7, seal('{"n":99', "one", 7, JSON.parse(lines[6] ?? "").hash).line))).toBe(
      "chain one, line 8 does not follow the line before it",
    );
  });

  it("does not where lines were taken out or moved", () => {
    expect(check(lines.toSpliced(5, 3))).toBe("chain one lacks the lines 5 to 7");
    const [a = "", b = ""] = [lines[5], lines[6]];
    expect(check(lines.with(5, b).with(6, a))).toBe("chain one, line 5 stands after line 6");
  });

  it("holds where the chain itself tells what a sink did not take, and only so far as it tells", () => {
    const telling = chainOf("one", 20, { 12: { event: "gap", lost: 3, from: 5, to: 7 } });
    expect(check(telling.toSpliced(5, 3))).toBeUndefined();
    expect(check(telling.toSpliced(4, 4))).toBe("chain one lacks the lines 4 to 7");
  });
});
