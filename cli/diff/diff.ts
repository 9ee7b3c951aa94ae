import { type AccessDiff, diffAccess, diffClusters, expandClusters } from "../../policy/diff/index.ts";
import { accessLinks, reachLinks } from "../../policy/graph/access.ts";
import { graphOfDiff } from "../../policy/graph/diff.ts";
import type { Graph } from "../../policy/graph/graph.ts";
import { reachAll } from "../../policy/reach/index.ts";
import { CliError, EXIT } from "../exit.ts";
import type { FolderOptions } from "../reach/folder.ts";
import { headMessage, unacknowledged } from "./ack.ts";
import { diffJson } from "./json.ts";
import { diffJunit } from "./junit.ts";
import { withoutDefaults } from "./live.ts";
import { diffMarkdown } from "./markdown.ts";
import { type Report, summary } from "./report.ts";
import { diffSarif } from "./sarif.ts";
import { readSide, type Side } from "./side.ts";
import { diffText } from "./text.ts";

export const DIFF_FORMATS = ["text", "markdown", "json", "sarif", "junit"] as const;
/** Those that are text; a graph is made by `diffGraph`. */
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
  return { base, head, diff, unacknowledged: open, graph: () => diffGraph(base, head, diff, after, options) };
}

/** Before and after as one graph; what is on both sides is taken from HEAD. With one row a pair it has the changes alone. */
function diffGraph(base: string, head: string, diff: AccessDiff, after: Side, options: DiffOptions): Graph {
  const title = `${base} → ${head}: ${summary({ diff })}`;
  switch (after.type) {
    case "policies":
      return graphOfDiff(title, diff.changes, accessLinks(after.access.rows), "policies");
    case "cluster": {
      const { cluster, policies, options: mesh } = after.cluster;
      const links = options.expand ? [] : reachLinks(reachAll({ ...mesh, cluster, policies }).access);
      return graphOfDiff(title, diff.changes, links, "cluster");
    }
  }
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
