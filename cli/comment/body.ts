import { COMMENT_LIMIT } from "../diff/markdown.ts";
import { CliError } from "../exit.ts";
import type { Provider } from "./target.ts";

/** How long a comment may be, in characters. */
export const LIMITS: Readonly<Record<Provider, number>> = { github: COMMENT_LIMIT, gitlab: 1_000_000 };

/**
 * The first line of the comment, which nobody sees and by which it is found again.
 *
 * @throws CliError for a marker that could end the HTML comment that it stands in
 */
export function markerLine(marker: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.]*(-[A-Za-z0-9_.]+)*$/.test(marker) || marker.length > 64) {
    throw new CliError(`comment: --marker "${marker}" may hold letters, digits, _, . and single -`);
  }
  return `<!-- portreeve:${marker} -->\n`;
}

/** The comment's whole text; what does not fit is cut at a line, and that is said. */
export function commentBody(first: string, markdown: string, limit: number): string {
  const whole = `${first}${markdown}`;
  // GitHub refuses a comment of just its limit.
  if (whole.length < limit) return whole;
  const closing = "\n\n…cut, as it does not fit into a comment.\n";
  const kept = whole.slice(0, limit - closing.length - 100);
  const text = kept.slice(0, Math.max(kept.lastIndexOf("\n"), first.length));
  // A detail that is left open would swallow the closing line.
  const open = (text.match(/<details>/g)?.length ?? 0) - (text.match(/<\/details>/g)?.length ?? 0);
  return `${text}${"\n</details>".repeat(Math.max(open, 0))}${closing}`;
}
