import { type AccessDiff, diffAccess, diffClusters, expandClusters } from "../../policy/diff/index.ts";
import { CliError, EXIT } from "../exit.ts";
import type { FolderOptions } from "../reach/folder.ts";
import { headMessage, unacknowledged } from "./ack.ts";
import { diffJson } from "./json.ts";
import { diffJunit } from "./junit.ts";
import { withoutDefaults } from "./live.ts";
import { diffMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";
import { diffSarif } from "./sarif.ts";
import { readSide, type Side } from "./side.ts";
import { diffText } from "./text.ts";

export const DIFF_FORMATS = ["text", "markdown", "json", "sarif", "junit"] as const;
export type DiffFormat = (typeof DIFF_FORMATS)[number];

export interface DiffOptions extends FolderOptions {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly expand: boolean;
  readonly requireAck: boolean;
}

/**
 * Compares BASE with HEAD.
 *
 * @throws CliError or PolicyError when a side cannot be read, or the two cannot be compared
 */
export function diffSides(base: string, head: string, options: DiffOptions): Report {
  const [before, after] = [readSide(base, options), readSide(head, options)];
  const diff = compare(base, before, head, after, options);
  const open = options.requireAck
    ? unacknowledged(diff.changes, before, after, headMessage(head))
    : undefined;
  return { base, head, diff, unacknowledged: open };
}

function compare(base: string, before: Side, head: string, after: Side, options: DiffOptions): AccessDiff {
  if (before.type === "policies" && after.type === "policies") {
    return diffAccess(before.access, after.access, options);
  }
  if (before.type === "cluster" && after.type === "cluster") {
    const { expand } = options;
    const diff = expand
      ? expandClusters(before.cluster, after.cluster)
      : diffClusters(before.cluster, after.cluster);
    if (before.live === after.live) return diff;
    const [written, live] = before.live ? [after, before] : [before, after];
    return withoutDefaults(diff, written.cluster.written, live.cluster.written);
  }
  const what = ({ type }: Side): string =>
    type === "policies" ? "Portreeve policies" : "Kubernetes objects";
  throw new CliError(
    `diff: ${base} is ${what(before)} and ${head} is ${what(after)}; compare like with like (portreeve render makes objects of policies, and portreeve drift compares policies with a running cluster)`,
  );
}

/** The report in the format asked for. */
export function formatDiff(report: Report, format: DiffFormat, color: boolean): string {
  switch (format) {
    case "text":
      return diffText(report, color);
    case "markdown":
      return diffMarkdown(report);
    case "json":
      return diffJson(report);
    case "sarif":
      return diffSarif(report);
    case "junit":
      return diffJunit(report);
  }
}

/** 1 when access changes; where acknowledgements are required, when one of them is missing. */
export function diffExit({ diff, unacknowledged }: Report): number {
  const found = unacknowledged === undefined ? diff.changes.length : unacknowledged.length;
  return found > 0 ? EXIT.found : EXIT.ok;
}
