import type { AwsChain, ChainLink } from "../../policy/compile/aws/chain.ts";
import { formatPosition } from "../../policy/finding.ts";
import { bold } from "../format/color.ts";

const MARK = { holds: "ok", "not needed": "-", "not known": "?", broken: "BROKEN" } as const;

/** A chain for people, a line a link; under a broken one its reason and what to do. */
export function chainText({ workload, service, cluster, links, broken }: AwsChain, color: boolean): string[] {
  const end = broken ? `breaks at its link "${broken.name}"` : "holds";
  return [
    `  ${bold(`the chain ${workload} → ${service} in cluster ${cluster} ${end}:`, color)}`,
    ...links.flatMap((link) => linkLines(link, link === broken)),
  ];
}

function linkLines(link: ChainLink, first: boolean): string[] {
  const line = `    ${MARK[link.state].padEnd(7)} ${link.name.padEnd(16)} ${link.what}`;
  if (link.state !== "broken") return [line];
  const where = link.position ? ` (${formatPosition(link.position)})` : "";
  // Links behind the first broken one may only follow from it.
  return first ? [line, `            ${link.reason}${where}`, `            fix: ${link.fix}`] : [line];
}
