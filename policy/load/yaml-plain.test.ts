import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { guardrails } from "../lint/index.ts";
import { nodeProblems } from "./yaml-node.ts";
import { parsePlain } from "./yaml-plain.ts";

/** What the library reads: one document without any problem, or undefined. */
function library(text: string): unknown {
  const documents = parseAllDocuments(text, { merge: true, prettyErrors: false, uniqueKeys: false });
  const [only, ...more] = documents;
  if (!only || more.length > 0 || only.errors.length > 0 || only.warnings.length > 0) return undefined;
  return nodeProblems(only.contents).length > 0 ? undefined : only.toJS();
}

/** Pieces of which lines are made, chosen so that most lines are nearly plain. */
const value = fc.constantFrom(
  "a",
  "a b",
  "okta:dba",
  "a: b",
  "a:",
  "1",
  "0",
  "-1",
  "+1",
  "007",
  "0x1f",
  "0o17",
  "1e3",
  "1.5",
  "1.",
  "1_000",
  "12345678901234567890",
  "true",
  "True",
  "tRUE",
  "null",
  "Null",
  "~",
  "no",
  "yes",
  "2027-01-01",
  "10:30",
  "12:30:45",
  "10.0.0.0/8",
  "fd00::/8",
  "::1",
  '"x"',
  "'y'",
  '"a # b"',
  "'it''s'",
  '"\\n"',
  '"a" b',
  "[a, 1]",
  "[]",
  "{}",
  "{ a: 1 }",
  "{a: 1}",
  "{a:1}",
  "[a b]",
  "[a: b]",
  "[a, ]",
  "[,]",
  "{ a: [b, { c: d }], e: okta:x }",
  "[[a], [b]]",
  "[a",
  "a]",
  "{ a: 1, a: 2 }",
  "# c",
  "a # c",
  "a#b",
  "a #",
  "&x a",
  "*x",
  "!t a",
  "|",
  ">-",
  "- a",
  "-",
  "--",
  "a -b",
  "? a",
  "@a",
  "%a",
  "`a",
  "a, b",
  "<<",
  ".inf",
  ".5",
  "/p",
  "a/b@c",
  "a  b",
  "a ",
  "",
  "...",
  "a\tb",
  "é",
  "\u2028",
  "[a,b]",
  "[ 'a' , \"b\" ]",
  "{ 'a': 1 }",
  '{ a: "x, y" }',
  "{ a: }",
  "{ a }",
  "[1.5]",
  "[-1]",
  "a?",
  "a&b",
  "a!b",
  "a*b",
  "a|b",
  "a%b",
  "0b1",
  "1e",
  "1a",
  "0.0.0.0/0",
  "1e3x",
  "nan",
  "infinity",
);
const key = fc.constantFrom(
  "a",
  "b",
  "spec",
  "a.b/c",
  "a-b",
  "true",
  "NULL",
  "<<",
  "1",
  '"a"',
  "constructor",
  "__proto__",
  "toString",
  "a b",
  "-a",
  "?",
  "",
);
const mostly = <T>(plain: fc.Arbitrary<T>, any: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: plain }, { weight: 1, arbitrary: any });
const plainValue = fc.constantFrom("x", "x y", "okta:dba", "12", "true", "[x, 1]", "{ x: 1 }", '"x"', "");
const plainKey = fc.constantFrom("a", "b", "c", "d", "e", "f");
const line = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 0, 0, 2, 2, 2, 4, 1, 3),
    mostly(fc.constantFrom("", "", "", "- "), fc.constantFrom("- - ", "-  ", "-")),
    mostly<string | undefined>(plainKey, fc.option(key, { nil: undefined })),
    mostly(fc.constant(": "), fc.constantFrom(":", ":  ", " : ")),
    mostly(plainValue, value),
  )
  .map(
    ([indent, dash, name, colon, text]) =>
      `${" ".repeat(indent)}${dash}${name === undefined ? "" : name + colon}${text}`,
  );
const document = fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => lines.join("\n"));

describe("plain YAML", () => {
  it("is read as the library reads it, or left to the library", () => {
    let read = 0;
    fc.assert(
      fc.property(document, (text) => {
        const plain = parsePlain(text);
        if (plain === undefined) return;
        read++;
        expect(plain).toEqual(library(text));
      }),
      { numRuns: 40_000 },
    );
    // It would be true of a reader that reads nothing.
    expect(read).toBeGreaterThan(1_000);
  });

  it("of a single line: every key, colon and value together", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), value), { minLength: 1, maxLength: 3 }),
        (pairs) => {
          const text = pairs.map(([name, text]) => `${name}: ${text}`).join("\n");
          const plain = parsePlain(text);
          if (plain !== undefined) expect(plain).toEqual(library(text));
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it("stays itself with a character changed, taken away or put in anywhere", () => {
    const texts = guardrails.flatMap(({ good, bad }) => [good, bad]).flatMap((text) => text.split("---\n"));
    let read = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.constantFrom(..." :-#[]{},'\"\n&*!|>%@0a\t\\"),
        fc.constantFrom(0, 1),
        (text, at, char, taken) => {
          const place = at % text.length;
          const changed = text.slice(0, place) + char + text.slice(place + taken);
          const plain = parsePlain(changed);
          if (plain === undefined) return;
          read++;
          expect(plain).toEqual(library(changed));
        },
      ),
      { numRuns: 10_000 },
    );
    expect(read).toBeGreaterThan(1_000);
  });

  it("is what the examples of the guardrails are written in: the way that is quick is the one that is taken", () => {
    const texts = guardrails.flatMap(({ good, bad }) => [good, bad]).flatMap((text) => text.split("---\n"));
    const left = texts.filter((text) => parsePlain(text) === undefined);
    expect(left.length / texts.length).toBeLessThan(0.1);
    for (const text of texts) expect(parsePlain(text) ?? library(text)).toEqual(library(text));
  });
});
