import fc from "fast-check";
import { expect, test } from "vitest";
import { diffMarkdown } from "./markdown.ts";

/** A report in which everything that a pull request can choose is `text`. */
function markdownOf(text: string): string {
  return diffMarkdown({
    base: text,
    head: text,
    unacknowledged: undefined,
    diff: {
      changes: [
        {
          change: "gained",
          from: text,
          fromKind: "idpGroup",
          to: text,
          ports: "5432",
          via: ["proxy"],
          before: [],
          after: [text],
          widens: true,
          because: [{ object: text, what: "added", position: { file: text, line: 1, col: 1 } }],
          targets: [text],
          owner: text,
          risks: [],
        },
      ],
      objects: [],
      notes: [text],
    },
  });
}

/**
 * What is left when code spans are taken out, by the rule of CommonMark, 6.1: a span ends with as many backticks as it began
 * with. A backslash takes the meaning from a backtick outside of one only.
 */
function outsideCode(line: string): string {
  let left = "";
  for (let at = 0; at < line.length; ) {
    if (line[at] === "\\") {
      left += line.slice(at, at + 2);
      at += 2;
      continue;
    }
    const run = /^`+/.exec(line.slice(at))?.[0];
    if (run === undefined) {
      left += line[at];
      at += 1;
      continue;
    }
    const rest = line.slice(at + run.length);
    const end = [...rest.matchAll(/`+/g)].find(([ticks]) => ticks.length === run.length);
    at += run.length + (end ? (end.index ?? 0) + run.length : 0);
  }
  return left;
}

const OWN = /<\/?details>|<\/?summary>/g;
const lines = (markdown: string): string[] => markdown.split("\n");
const harmless = markdownOf("okta:dba");

const hostile = fc
  .array(
    fc.constantFrom(
      "`",
      "``",
      "```",
      "|",
      "\\",
      "\n",
      "\r",
      "@team",
      "<img src=x>",
      "<!--",
      "[a](b)",
      "### x",
      " ",
      "x",
      "https://evil.example",
      "www.evil.example",
      "\u202e",
      "&#64;team",
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(""));

test("nothing that a pull request names gets out of its place in the comment", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const markdown = markdownOf(text);
      // No name begins a line of its own.
      expect(lines(markdown)).toHaveLength(lines(harmless).length);
      expect(markdown).not.toMatch(/[\r\u202e]/);
      for (const line of lines(markdown)) {
        const left = outsideCode(line.replace(OWN, ""));
        expect(left).not.toMatch(/<|@(?!\u200b)|(?<!\\)[[\]`]|:\/\/(?<!\\:\/\/)|www\.|&(?!(?:amp|lt|gt);)/);
      }
      // Each row has the cells that it should have: a table splits at every pipe without a backslash, in code as well.
      const rows = lines(markdown).filter((line) => line.startsWith("|"));
      for (const row of rows) expect(row.match(/(?<!\\)(?:\\\\)*\|/g)).toHaveLength(6);
    }),
    { numRuns: 2_000 },
  );
});
