import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { formatPosition } from "../finding.ts";
import { parseYaml } from "./yaml.ts";

/** `line:col message` of each finding. */
function problems(text: string): string[] {
  return parseYaml(text, "f.yaml").findings.map(
    ({ position, message }) => `${position?.line}:${position?.col} ${message}`,
  );
}

const values = (text: string): unknown[] => parseYaml(text, "f.yaml").documents.map(({ value }) => value);

describe("YAML that policies may use", () => {
  it("reads several documents, anchors, merge keys, JSON, CRLF and a byte order mark", () => {
    expect(values("a: 1\n---\nb: 2\n...\n---\n# nothing\n---\nc: 3\n")).toEqual([
      { a: 1 },
      { b: 2 },
      { c: 3 },
    ]);
    expect(values("x: &x { a: 1, b: 2 }\ny: { <<: *x, b: 3 }\nz: *x")).toEqual([
      { x: { a: 1, b: 2 }, y: { a: 1, b: 3 }, z: { a: 1, b: 2 } },
    ]);
    expect(values('{"a": [1, "two", null, true]}')).toEqual([{ a: [1, "two", null, true] }]);
    expect(values("\uFEFFa: 1\r\nb:\r\n  - 2\r\n")).toEqual([{ a: 1, b: [2] }]);
  });

  it("reads YAML 1.2: yes, no, on, off and dates are text, 0o10 is eight", () => {
    expect(values("[yes, no, on, off, y, 2027-03-31, 0o10, 12:30, ~]")).toEqual([
      ["yes", "no", "on", "off", "y", "2027-03-31", 8, "12:30", null],
    ]);
  });

  it("keeps keys that JavaScript's objects inherit apart from them", () => {
    const [value] = values("constructor: 1\ntoString: 2\nhasOwnProperty: 3");
    expect(Object.entries(value ?? {})).toEqual([
      ["constructor", 1],
      ["toString", 2],
      ["hasOwnProperty", 3],
    ]);
    expect(problems("a: 1\n__proto__: { b: 1 }")).toEqual(["2:1 a key cannot be named __proto__"]);
  });

  it("takes brackets in texts, quotes and comments for what they are", () => {
    const text = Array.from({ length: 100 }, (_, index) => `  [see {${index}`).join("\n");
    expect(problems(`# ${"[".repeat(99)}\na: |\n${text}\nb: "${"{".repeat(99)}"\nc: it's [1, 2]`)).toEqual(
      [],
    );
  });
});

describe("YAML that is refused, with its line and column", () => {
  it.each([
    ["a tab as indentation", "a:\n\tb: 1", ["2:1 a tab is used for indentation"]],
    ["a key written twice", "a: 1\nb: 2\na: 3", ["3:1 this key is written twice"]],
    ["a key written twice in JSON", '{"a": 1, "a": 2}', ["1:10 this key is written twice"]],
    [
      "a number with a leading zero",
      "a: 1\nb: [010]",
      ["2:5 010 is octal to some YAML readers and decimal to others"],
    ],
    ["a tag", "a: !Ref db", ["1:4 Unresolved tag: !Ref: policies have no tags"]],
    ["a list as a key", "? [a]\n: 1", ["1:3 a key is a word, not a list, mapping or alias"]],
    ["an alias without its anchor", "a: 1\n---\nb: *c", ["3:1 alias *c names no anchor before it"]],
    [
      "a value that holds itself",
      "a: &a [*a]",
      [expect.stringContaining("1:1 this document's aliases expand")],
    ],
    ["YAML 1.1", "%YAML 1.1\n---\na: no", ["1:1 YAML 1.1 reads `no`, `on` and 010 as something else"]],
    ["a quote that never ends", 'a: "b\n', [expect.stringContaining("not valid YAML: Missing closing")]],
    ["a bracket that never ends", "a: [1, 2\n", [expect.stringContaining("not valid YAML")]],
  ])("%s", (_, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it("reads the documents beside a broken one, and tells the problems of all", () => {
    const { documents, findings } = parseYaml("a: 1\n---\nb: [\n---\nc: 3\n---\nd: 'x\n", "f.yaml");
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { c: 3 }]);
    expect(findings.map(({ position }) => position?.line)).toEqual([4, 8]);
  });

  it("counts columns in a file with Windows line ends as in one without", () => {
    const text = "a:\n  b: 1\n  b: 2\n";
    expect(problems(text.replaceAll("\n", "\r\n"))).toEqual(problems(text));
  });
});

/**
 * What these prove is that the work does not explode: each input made a plain parser take minutes, gigabytes, or the
 * whole stack. They do not measure time beyond the test's own limit.
 */
describe("YAML made to hurt", () => {
  const letters = "bcdefghijk";
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (const [index, letter] of [...letters].entries()) {
    const inner = index === 0 ? "a" : letters[index - 1];
    bomb.push(`${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${inner}`).join(", ")}]`);
  }
  it.each([
    ["an alias bomb", bomb.join("\n"), "aliases expand"],
    [
      "a long list used nine hundred times",
      `a: &a [${"1,".repeat(50_000)}]\nb: [${"*a,".repeat(900)}]`,
      "aliases",
    ],
    ["a hundred thousand open brackets", "[".repeat(100_000), "nested more than 64 levels deep"],
    [
      "brackets that close again",
      `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
      "nested more than 64 levels deep",
    ],
    [
      "deep mappings",
      Array.from({ length: 2_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
      "nested more",
    ],
    ["deep lists", "- ".repeat(20_000), "nested more than 64 levels deep"],
    ["deep explicit keys", "? ".repeat(20_000), "nested more than 64 levels deep"],
    ["a quote and many backslashes", `a: "${"\\".repeat(4_001)}`, "Missing closing"],
  ])("%s", (_, text, message) => {
    const { findings } = parseYaml(text, "f.yaml");
    expect(findings.map((finding) => finding.message).join("\n")).toContain(message);
  });

  it("a mapping of a hundred thousand keys, with one of them twice", () => {
    const keys = Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`);
    expect(problems(`${keys.join("\n")}\nk7: 1`)).toEqual(["100001:1 this key is written twice"]);
  });

  it("gives up after a hundred problems", () => {
    const text = Array.from({ length: 5_000 }, (_, index) => `k${index}: 010`).join("\n");
    const found = problems(text);
    expect(found).toHaveLength(101);
    expect(found.at(-1)).toContain("more than 100 problems");
  });

  it("any text at all ends in documents and findings, never in an exception", () => {
    const piece = fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "-",
      "[",
      "]",
      "{",
      "}",
      ",",
      "&x",
      "*x",
      "!t",
      "|",
      ">",
      '"',
      "'",
      "#",
      "?",
      "%",
      "---",
      "...",
      "<<",
      "\t",
      "\uD800",
      "0",
      "1",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        for (const { position } of parseYaml(pieces.join(""), "f.yaml").findings) {
          expect(position?.line).toBeGreaterThanOrEqual(1);
          expect(position?.col).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("positions", () => {
  it("are those of the value or key at a path, or of the nearest part that exists", () => {
    const text =
      "first: 1\n---\n# about\nspec:\n  ports:\n    - 1\n    - { port: 2 }\n  tls: { mode: x }\n---\nz: 1\n";
    const document = parseYaml(text, "f.yaml").documents[1];
    const at = (path: (string | number)[], where?: "key" | "value") => {
      const position = document?.locate(path, where);
      return position && formatPosition(position);
    };
    expect(document?.position).toEqual({ file: "f.yaml", line: 4, col: 1 });
    expect(at(["spec", "ports", 1, "port"])).toBe("f.yaml:7:15");
    expect(at(["spec", "tls", "mode"], "key")).toBe("f.yaml:8:10");
    expect(at(["spec", "ports", 9])).toBe("f.yaml:6:5");
    expect(at(["spec", "nothing", "here"])).toBe("f.yaml:5:3");
    expect(document?.written?.(["spec", "ports", 0])).toBe("1");
    expect(document?.written?.(["spec", "ports"])).toBeUndefined();
    expect(document?.written?.(["spec", "nothing"])).toBeUndefined();
  });

  it("are the same whether a document stands alone or after others", () => {
    const plain = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,5}$/),
      fc.oneof(fc.string(), fc.array(fc.nat(), { maxLength: 3 })),
      { minKeys: 1, maxKeys: 4 },
    );
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 5 }), (objects) => {
        const texts = objects.map((object) => stringify(object));
        const { documents } = parseYaml(texts.join("---\n"), "f.yaml");
        expect(documents.map(({ value }) => value)).toEqual(objects);
        let before = 0;
        for (const [index, document] of documents.entries()) {
          const text = texts[index] ?? "";
          for (const key of Object.keys(objects[index] ?? {})) {
            const alone = parseYaml(text, "f.yaml").documents[0]?.locate([key]);
            expect(document.locate([key])).toEqual(alone && { ...alone, line: alone.line + before });
          }
          before += text.split("\n").length;
        }
      }),
      { numRuns: 200 },
    );
  });

  it("agree with the library's own reading of the same text", () => {
    const text = "a: &x [1, two]\nb: { c: *x, d: '3' }\n";
    expect(values(text)).toEqual(parseAllDocuments(text).map((document) => document.toJS()));
  });
});
