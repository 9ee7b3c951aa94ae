/** The commands of a page, as its `sh` blocks have them, and what the `text` block after them says they print. */
import { blocks } from "./markdown.ts";

export interface PageCommand {
  readonly text: string;
  readonly line: number;
  /** What the command must end with: `# exit code N` behind it, otherwise 0. */
  readonly exitCode: number;
  /** What it cannot do without, so that no test runs it: `# needs …` behind it. */
  readonly needs: string | undefined;
}

export interface PageStep {
  readonly commands: readonly PageCommand[];
  /** Lines that the commands print, in this order, perhaps among others. */
  readonly expected: readonly string[];
}

export function steps(page: string): PageStep[] {
  const all = blocks(page);
  return all.flatMap((block, index) => {
    if (block.language !== "sh") return [];
    const next = all[index + 1];
    const expected =
      next?.language === "text" ? next.text.split("\n").filter((line) => line.trim() !== "") : [];
    return [{ commands: commandsOf(block.text, block.line), expected }];
  });
}

function commandsOf(text: string, line: number): PageCommand[] {
  const found: PageCommand[] = [];
  let held = "";
  text.split("\n").forEach((part, index) => {
    held += part.endsWith("\\") ? `${part.slice(0, -1)} ` : part;
    if (part.endsWith("\\") || held.trim() === "" || held.startsWith("#")) return;
    const [, code] = /# exit code (\d+)$/.exec(held) ?? [];
    const [, needs] = /# needs (.+)$/.exec(held) ?? [];
    found.push({ text: held, line: line + index + 1, exitCode: Number(code ?? 0), needs });
    held = "";
  });
  return found;
}

/** The first line that was not printed after those before it; undefined when all were. Spaces count as one. */
export function missing(expected: readonly string[], printed: string): string | undefined {
  const normal = (text: string): string => text.replace(/\s+/g, " ").trim();
  const lines = printed.split("\n").map(normal);
  let from = 0;
  for (const line of expected) {
    const at = lines.findIndex((one, index) => index >= from && one.includes(normal(line)));
    if (at === -1) return line;
    from = at;
  }
  return undefined;
}
