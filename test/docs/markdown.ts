/** What the tests of the documentation read of a page: its code blocks, headings and links. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** A place that a page points to. */
export interface Link {
  readonly target: string;
  readonly line: number;
}

const FENCE = /^(\s*)(`{3,})\s*([\w-]*)/;

/** Fenced blocks, in order. A fence that is never closed is an error: GitHub would show the rest of the page as code. */
export function blocks(page: string): Block[] {
  const found: Block[] = [];
  let open: { language: string; fence: string; line: number; lines: string[] } | undefined;
  page.split("\n").forEach((text, index) => {
    const [, , fence = "", language = ""] = FENCE.exec(text) ?? [];
    if (open && fence === open.fence && language === "") {
      found.push({ language: open.language, text: open.lines.join("\n"), line: open.line });
      open = undefined;
    } else if (open) open.lines.push(text);
    else if (fence) open = { language, fence, line: index + 1, lines: [] };
  });
  if (open) throw new Error(`the code block of line ${open.line} is not closed`);
  return found;
}

/** The page with code blocks emptied, so that what is left is text; lines keep their numbers. */
export function prose(page: string): string[] {
  let inside = "";
  return page.split("\n").map((text) => {
    const [, , fence = ""] = FENCE.exec(text) ?? [];
    if (inside) {
      if (fence === inside) inside = "";
      return "";
    }
    if (fence) {
      inside = fence;
      return "";
    }
    return text;
  });
}

/** Anchors of headings, as GitHub makes them: lower case, no punctuation, `-` for spaces, and a number for doubles. */
export function anchors(page: string): Set<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const line of prose(page)) {
    const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (heading !== undefined) {
      const slug = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-");
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      found.add(times === 0 ? slug : `${slug}-${times}`);
    }
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) if (id) found.add(id);
  }
  return found;
}

/** Links and images; those in code are no links. */
export function links(page: string): Link[] {
  return prose(page).flatMap((text, index) => {
    const plain = text.replace(/`[^`]*`/g, "");
    const inline = plain.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g);
    const tags = plain.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g);
    return [...inline, ...tags].flatMap(([, target]) => (target ? [{ target, line: index + 1 }] : []));
  });
}

/** Text between backticks. */
export function codeSpans(page: string): Link[] {
  return prose(page).flatMap((text, index) =>
    [...text.matchAll(/`([^`]+)`/g)].flatMap(([, target]) => (target ? [{ target, line: index + 1 }] : [])),
  );
}

/** Folders that no page of ours is in: other people's, generated, or test data of other people. */
const NOT_OURS: ReadonlySet<string> = new Set([
  "node_modules",
  "dist",
  ".git",
  "api",
  "samples",
  "testdata",
  ".ci",
]);

/** Parts of docs/comparison.md, whose links are those of that page. */
const FRAGMENTS = "bench/comparison/text";

/** Every Markdown file of the project, relative to its root. */
export function pages(folder: string = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory())
        return NOT_OURS.has(entry.name) || relative(ROOT, path) === FRAGMENTS ? [] : pages(path);
      return entry.name.endsWith(".md") ? [relative(ROOT, path)] : [];
    })
    .sort();
}

export function read(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}
