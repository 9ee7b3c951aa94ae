import { type FoldedChange, foldChanges } from "../../policy/diff/fold.ts";
import { formatCause } from "../../policy/diff/index.ts";
import { type Report, summary } from "./report.ts";
import { portText } from "./text.ts";

/** GitHub refuses a comment of 65,536 characters or more. */
export const COMMENT_LIMIT = 65_536;
/** Room for the closing lines. */
const RESERVE = 1_000;
/** So many changes are seen at once; the others are unfolded by a click. */
const OPEN_ROWS = 20;

const WORDS = { gained: "🟢 gains", lost: "🔴 loses", changed: "🟡 changes" } as const;

/**
 * The report for a comment on a pull request: the line that says it all, a table, and the details folded away. What does not
 * fit is cut after the most important, and counted.
 */
export function diffMarkdown(report: Report, limit: number = COMMENT_LIMIT): string {
  const { base, head, diff, unacknowledged } = report;
  const folded = foldChanges(diff.changes);
  const parts = [`### ${summary(report)}`, "", `${code(base)} → ${code(head)}`, ""];
  if (unacknowledged && unacknowledged.length > 0) {
    parts.push(
      `> **${unacknowledged.length} not acknowledged.** Write \`portreeve.dev/ack: <reason>\` into the grant's annotations, or ` +
        "`Portreeve-Ack: <grant>` as a trailer of the last commit's message.",
      "",
    );
  }
  const text = new Bounded(parts.join("\n"), limit - RESERVE);
  const left = table(text, folded);
  if (left > 0) text.close(`\n…and ${left} more; \`portreeve diff\` prints them all.\n`);
  if (left === 0 && folded.length > 0) details(text, folded);
  if (diff.notes.length > 0) notes(text, diff.notes);
  return text.toString();
}

/** @returns how many rows did not fit */
function table(text: Bounded, folded: readonly FoldedChange[]): number {
  if (folded.length === 0) return 0;
  const header = "| | who | to | how | look at |\n|---|---|---|---|---|\n";
  const fold = folded.length > OPEN_ROWS;
  text.close(header);
  for (const [index, change] of folded.entries()) {
    if (fold && index === OPEN_ROWS) {
      text.close(`\n<details><summary>${folded.length - OPEN_ROWS} more changes</summary>\n\n${header}`);
    }
    if (!text.add(row(change))) {
      if (fold && index >= OPEN_ROWS) text.close("\n</details>\n");
      return folded.length - index;
    }
  }
  if (fold) text.close("\n</details>\n");
  return 0;
}

function row({ change, who, to, ports, conditions, risks }: FoldedChange): string {
  const cells = [
    WORDS[change],
    who,
    `${to}${portText(to, ports)}`,
    conditions.replace(/^:? /, ""),
    risks.join(", "),
  ];
  return `| ${cells.map((cell, index) => (index === 1 || index === 2 ? codeCell(cell) : plain(cell))).join(" | ")} |\n`;
}

function details(text: Bounded, folded: readonly FoldedChange[]): void {
  text.close("\n<details><summary>Which line of which file does it</summary>\n\n");
  for (const [index, { who, to, ports, because, owner, targets }] of folded.entries()) {
    const lines = [
      `- ${code(who)} → ${code(`${to}${portText(to, ports)}`)}${owner === undefined ? "" : ` (owner: ${plain(owner)})`}`,
      ...because.map((cause) => `  - ${code(formatCause(cause))}`),
      ...(targets.length > 0 ? [`  - carried by ${plain(targets.join(", "))}`] : []),
    ];
    if (!text.add(`${lines.join("\n")}\n`)) {
      text.close(`\n…and ${folded.length - index} more.\n`);
      break;
    }
  }
  text.close("\n</details>\n");
}

function notes(text: Bounded, list: readonly string[]): void {
  text.close(`\n<details><summary>${list.length === 1 ? "1 note" : `${list.length} notes`}</summary>\n\n`);
  for (const [index, note] of list.entries()) {
    if (!text.add(`- ${plain(note)}\n`)) {
      text.close(`\n…and ${list.length - index} more.\n`);
      break;
    }
  }
  text.close("\n</details>\n");
}

/** Text up to a length; closing lines go into the reserve beyond it. */
class Bounded {
  #text: string;
  readonly #limit: number;

  constructor(text: string, limit: number) {
    this.#text = `${text}\n`;
    this.#limit = limit;
  }

  /** Adds the piece if it fits. */
  add(piece: string): boolean {
    if (this.#text.length + piece.length > this.#limit) return false;
    this.#text += piece;
    return true;
  }

  close(piece: string): void {
    this.#text += piece;
  }

  toString(): string {
    return this.#text;
  }
}

/**
 * Names and reasons come from the pull request itself. A line break would begin a line of its own, and what turns the
 * direction of writing would show another name than there is.
 */
function oneLine(text: string): string {
  return text
    .replace(/[\t\n\r\u2028\u2029]+/g, " ")
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/**
 * As code: nothing in it is read as Markdown, HTML or a mention of somebody. A span of code ends with as many backticks as it
 * begins with (CommonMark, 6.1), so it begins with more than there are in it.
 */
function code(text: string): string {
  const line = oneLine(text);
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  const room = /^`|`$|^ .* $/.test(line) ? " " : "";
  return `${fence}${room}${line}${room}${fence}`;
}

/** The same in a table, which splits at every pipe without a backslash, in code as well. */
function codeCell(text: string): string {
  return code(text).replace(/(\\*)\|/g, "$1$1\\|");
}

/** As text: without links, mentions, entities or HTML. */
function plain(text: string): string {
  return oneLine(text)
    .replaceAll("&", "&amp;")
    .replace(/[\\`*_[\]<>|#@!~]/g, (character) => INERT[character] ?? `\\${character}`)
    .replaceAll("://", "\\://")
    .replace(/www\./gi, "www\\.");
}

const INERT: Readonly<Record<string, string>> = { "@": "@\u200b", "<": "&lt;", ">": "&gt;" };
