import { type AccessChange, formatCause } from "../diff/change.ts";
import { type Graph, type GraphNode, graphOf, type Link } from "./graph.ts";
import { clusterNode, fromNode, serviceNode } from "./nodes.ts";

/**
 * Before and after in one graph: an edge for each change, and for each pair of `after` that no change is about.
 *
 * @param kind - whether the names are those of policies or of Kubernetes objects
 */
export function graphOfDiff(
  title: string,
  changes: readonly AccessChange[],
  after: readonly Link[],
  kind: "policies" | "cluster",
): Graph {
  const changed = changes.map((change): Link => {
    const { from, fromKind, to, ports, before, after, because, risks, owner } = change;
    return {
      from: kind === "policies" ? fromNode(from, fromKind) : clusterNode(from, "from"),
      to: kind === "policies" ? toNode(to) : clusterNode(to, "to"),
      state: change.change,
      label: to.endsWith(`:${ports}`) ? "" : ports,
      details: [
        ...(before.length > 0 && after.length > 0 ? [`before: ${before.join("; or ")}`] : []),
        ...(after.length > 0 ? after : before),
        ...(risks.length > 0 ? [`look: ${risks.join(", ")}`] : []),
        ...because.map((cause) => `because: ${formatCause(cause)}`),
        ...(owner === undefined ? [] : [`owner: ${owner}`]),
      ],
    };
  });
  const told = new Set(changed.map(({ from, to }) => `${from.id}\n${to.id}`));
  return graphOf(title, [...changed, ...after.filter(({ from, to }) => !told.has(`${from.id}\n${to.id}`))]);
}

/** With one row a pair, the port is part of the name. */
function toNode(to: string): GraphNode {
  return serviceNode(to.replace(/:\d+$/, ""));
}
