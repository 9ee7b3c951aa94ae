/**
 * What pages show can be used as it stands: each `portreeve …` names a command and options that there are, each policy document
 * is valid, each import names an export. Not proven here: that a command does what the page says; of the recipes,
 * recipes.parts.test.ts does that.
 */
import type { Command } from "commander";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { buildProgram } from "../../cli/program.ts";
import * as components from "../../components/index.ts";
import { formatFinding } from "../../policy/finding.ts";
import * as policy from "../../policy/index.ts";
import { loadDocuments } from "../../policy/load/index.ts";
import * as testing from "../../testing/index.ts";
import { blocks, codeSpans, pages, read } from "./markdown.ts";

/** The changelog names what is gone; the reference is made from templates with `…` in them. */
const shown = pages().filter((page) => page !== "CHANGELOG.md" && !page.startsWith("docs/reference/"));
const program = buildProgram(() => {});

/** What is wrong with a command line, by the program's own description of itself. */
function wrong(line: string): string | undefined {
  const words = line.split(/\s+/).slice(1);
  let command: Command = program;
  while (words[0] !== undefined) {
    const next = command.commands.find(
      (one) => one.name() === words[0] || one.aliases().includes(words[0] ?? ""),
    );
    if (!next) break;
    command = next;
    words.shift();
  }
  if (command === program && words[0] !== undefined && /^[a-z]/.test(words[0]))
    return `no command ${words[0]}`;
  for (const word of words) {
    if (word === "--") return undefined;
    const [flag = ""] = word.split("=");
    const known =
      ["--help", "-h"].includes(flag) ||
      command.options.some(({ long, short }) => long === flag || short === flag);
    if (/^--?[a-z]/.test(flag) && !known) return `${command.name()} has no option ${flag}`;
  }
  return undefined;
}

/** Commands of a page: lines of code blocks, up to a pipe, a redirection or a comment; and code in the text. */
function commandLines(page: string): string[] {
  const text = read(page);
  const lines = blocks(text)
    .filter(({ language }) => ["sh", "", "console", "yaml"].includes(language))
    .flatMap((block) => block.text.replace(/\\\n\s*/g, " ").split("\n"))
    .map((line) => line.trim().replace(/^(?:\$|- run:|npx)\s+/, ""));
  const spans = codeSpans(text).map(({ target }) => target.replace(/^npx\s+/, ""));
  return [...lines, ...spans]
    .filter((line) => line.startsWith("portreeve "))
    .map((line) => line.split(/\s(?:#|\||>|&&|;)\s?|\s{3,}/, 1)[0] ?? "")
    .map((line) => line.replace(/[[\]…]/g, " ").replace(/"[^"]*"|'[^']*'/g, "TEXT"));
}

test("a command or an option that is not there is noticed", () => {
  expect(wrong("portreeve lint policies/ --fix --now 2027-01-01")).toBeUndefined();
  expect(wrong("portreeve audit query logs --since 2h")).toBeUndefined();
  expect(wrong("portreeve connect orders-db -- psql -U orders")).toBeUndefined();
  expect(wrong("portreeve lint policies/ --nonsense")).toBe("lint has no option --nonsense");
  expect(wrong("portreeve nonsense")).toBe("no command nonsense");
});

test("every command that a page shows has its options", () => {
  const lines = shown.flatMap((page) => commandLines(page).map((line) => ({ page, line })));
  expect(lines.length).toBeGreaterThan(100);
  const bad = lines.flatMap(({ page, line }) => {
    const why = wrong(line);
    return why ? [`${page}: ${line}: ${why}`] : [];
  });
  expect(bad).toEqual([]);
});

test("every policy document that a page shows is valid", () => {
  const whole = shown.flatMap((page) =>
    blocks(read(page))
      .filter(({ language, text }) => language === "yaml" && text.includes("apiVersion: portreeve.dev/v1"))
      .flatMap(({ text, line }) =>
        parseAllDocuments(text)
          .map((document) => document.toJS() as { apiVersion?: string })
          .filter(({ apiVersion }) => apiVersion === "portreeve.dev/v1")
          .map((document) => ({ name: `${page}:${line}`, text: JSON.stringify(document) })),
      ),
  );
  expect(whole.length).toBeGreaterThan(15);
  const { findings } = loadDocuments({
    texts: [...whole, { name: "wrong.json", text: '{"apiVersion":"portreeve.dev/v1","kind":"Nonsense"}' }],
  });
  const bad = findings.map(formatFinding).filter((text) => !text.startsWith("wrong.json"));
  expect(bad.length, "the wrong one is found").toBeLessThan(findings.length);
  expect(bad).toEqual([]);
});

test("every import that a page shows names an export", () => {
  const exports: Readonly<Record<string, object>> = {
    portreeve: components,
    "portreeve/policy": policy,
    "portreeve/testing": testing,
  };
  const bad = shown.flatMap((page) =>
    blocks(read(page))
      .filter(({ language }) => language === "ts")
      .flatMap(({ text }) => [...text.matchAll(/import \{([^}]*)\} from "(portreeve[^"]*)"/g)])
      .flatMap(([, names = "", from = ""]) =>
        names
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "" && !name.startsWith("type ") && !(name in (exports[from] ?? {})))
          .map((name) => `${page}: ${from} has no ${name}`),
      ),
  );
  expect(bad).toEqual([]);
});
