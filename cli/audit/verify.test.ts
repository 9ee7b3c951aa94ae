/**
 * That no change of a log goes unseen. Proven for one change at a time and for several, over the bytes of a log as the proxy
 * writes it; not proven: a log that is written anew by somebody who holds the signing key.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GENESIS, seal } from "../../policy/audit/chain-line.ts";
import type { Expected, Verification } from "./verification.ts";
import { Verifier } from "./verify.ts";

/** Two chains, the second of a process that followed the first, as one file. */
function logOf(first: number, second: number): { lines: string[]; heads: Expected[] } {
  const lines: string[] = [];
  const heads: Expected[] = [];
  let after: Expected | undefined;
  for (const [chain, count] of [
    ["one", first],
    ["two", second],
  ] as const) {
    let prev = GENESIS;
    for (let seq = 0; seq < count + 2; seq++) {
      const time = `"time":"2026-11-21T00:00:${String(seq % 60).padStart(2, "0")}.000Z"`;
      const body =
        seq === 0
          ? `{${time},"event":"start"${after ? `,"after":${JSON.stringify({ ...after, here: true })}` : ""}`
          : seq === count + 1
            ? `{${time},"event":"checkpoint","final":true`
            : `{${time},"event":"close","connection":"${chain}-${seq}","src.user":"okta:u${seq % 3}"`;
      const sealed = seal(body, chain, seq, prev);
      lines.push(sealed.line.slice(0, -1));
      prev = sealed.hash;
    }
    after = { chain, seq: count + 1, hash: prev };
    heads.push(after);
  }
  return { lines, heads };
}

function verifyText(text: string, expected: readonly Expected[]): Verification {
  const verifier = new Verifier({ expect: expected });
  verifier.beginFile("audit.jsonl");
  const parts = text.split("\n");
  const rest = parts.pop() ?? "";
  for (const [index, line] of parts.entries()) verifier.line(Buffer.from(line), index + 1);
  if (rest !== "") verifier.rest(Buffer.from(rest), parts.length + 1);
  return verifier.end();
}

const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

type Change = (lines: string[], at: number, to: number) => string[];
const CHANGES: Readonly<Record<string, Change>> = {
  "a byte": (lines, at, to) =>
    lines.map((line, index) => {
      if (index !== at) return line;
      const place = to % line.length;
      return `${line.slice(0, place)}${line[place] === "x" ? "y" : "x"}${line.slice(place + 1)}`;
    }),
  "a line removed": (lines, at) => lines.filter((_, index) => index !== at),
  "several removed": (lines, at, to) => lines.filter((_, index) => index < at || index > at + (to % 4)),
  "a line moved": (lines, at, to) => {
    const rest = lines.filter((_, index) => index !== at);
    return rest.toSpliced(to % lines.length, 0, lines[at] ?? "");
  },
  "a line copied": (lines, at, to) => lines.toSpliced(to % lines.length, 0, lines[at] ?? ""),
  "a line put in": (lines, at) => lines.toSpliced(at, 0, '{"event":"close","connection":"x"}'),
  "a line put in with a right hash": (lines, at) => {
    const end = /"chain":"(\w+)","seq":(\d+),"prev":"(.{43})"/.exec(lines[at] ?? "");
    const forged = seal('{"event":"close"', end?.[1] ?? "", Number(end?.[2]), end?.[3] ?? "").line;
    return lines.toSpliced(at, 0, forged.slice(0, -1));
  },
  "a line replaced with a right hash": (lines, at) => {
    const end = /"chain":"(\w+)","seq":(\d+),"prev":"(.{43})"/.exec(lines[at] ?? "");
    const forged = seal('{"event":"close"', end?.[1] ?? "", Number(end?.[2]), end?.[3] ?? "").line;
    return lines.with(at, forged.slice(0, -1));
  },
  "the end cut off": (lines, at) => lines.slice(0, at),
  "the beginning cut off": (lines, at) => lines.slice(at + 1),
};

const size = fc.integer({ min: 0, max: 12 });
const steps = fc.array(
  fc.record({ how: fc.constantFrom(...Object.keys(CHANGES)), at: fc.nat(1e6), to: fc.nat(1e6) }),
  { minLength: 1, maxLength: 3 },
);

describe("verifying", () => {
  test("finds nothing wrong with what was not touched", () => {
    const { lines, heads } = logOf(5, 3);
    const { problems, notes } = verifyText(joined(lines), heads);
    expect([problems, notes]).toEqual([[], []]);
  });

  test("finds every change, given where the chains ended", () => {
    fc.assert(
      fc.property(size, size, steps, (first, second, changes) => {
        const { lines, heads } = logOf(first, second);
        let changed = lines;
        for (const { how, at, to } of changes) {
          if (changed.length === 0) break;
          changed = CHANGES[how]?.(changed, at % changed.length, to) ?? changed;
        }
        const text = joined(changed);
        fc.pre(text !== joined(lines));
        expect(verifyText(text, heads).problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    );
  });

  test("finds a line behind the last one, though it could be one that a killed writer left", () => {
    const { lines, heads } = logOf(2, 0);
    for (const line of ["x", lines.at(-1)?.replace('"chain"', '"chaix"') ?? ""]) {
      const at = lines.length + 1;
      expect(verifyText(joined([...lines, line]), heads).problems).toMatchObject([
        { kind: "inserted", line: at },
      ]);
      // Without its end it may still be: that is a note.
      expect(verifyText(joined(lines) + line, heads)).toMatchObject({ problems: [], notes: [{ line: at }] });
    }
  });

  test("finds every changed byte of a log, line feeds included, and names the line or the next one", () => {
    const { lines, heads } = logOf(2, 1);
    const bytes = Buffer.from(joined(lines));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { problems, notes } = verifyText(changed.toString("latin1"), heads);
      const line = bytes.subarray(0, at).toString().split("\n").length;
      expect(problems.length, `byte ${at}`).toBeGreaterThan(0);
      // A last line without its end may also be one that is being written: that is a note.
      const named = [...problems, ...notes].map((one) => Math.abs(one.line - line));
      expect(Math.min(...named), `byte ${at}`).toBeLessThan(2);
    }
  });

  test.each([
    ["a byte", 3, "changed", 4],
    ["a line removed", 3, "missing", 4],
    ["a line put in", 3, "inserted", 4],
    ["a line replaced with a right hash", 3, "replaced", 4],
    ["the beginning cut off", 1, "cut-start", 1],
  ])("names what happened: %s", (how, at, kind, line) => {
    const { lines } = logOf(5, 0);
    const { problems } = verifyText(joined(CHANGES[how]?.([...lines], at, 20) ?? []), []);
    expect(problems[0]).toMatchObject({ kind, line });
  });

  test("names a line that was moved, and where it belongs", () => {
    const { lines } = logOf(5, 0);
    const { problems } = verifyText(joined(CHANGES["a line moved"]?.([...lines], 2, 4) ?? []), []);
    expect(problems[0]).toMatchObject({ kind: "reordered", line: 5 });
    expect(problems[0]?.message).toMatch("belongs before audit.jsonl:3");
  });

  test("says plainly what it cannot know: whether an open chain went on", () => {
    const { lines, heads } = logOf(5, 0);
    const cut = joined(lines.slice(0, 4));
    const { problems, notes } = verifyText(cut, []);
    expect(problems).toEqual([]);
    expect(notes[0]?.message).toMatch("These files cannot tell");
    expect(verifyText(cut, heads.slice(0, 1)).problems).toMatchObject([{ kind: "expected" }]);
  });

  test("says that a log without any chain has none", () => {
    const { problems } = verifyText('{"a":1}\n{"a":2}\n', []);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch("no line is of a chain");
  });
});
