/** What a node stands for. */
export type NodeKind = "workload" | "service" | "person" | "agent" | "addresses" | "namespace";

/** Somebody or something. */
export interface GraphNode {
  /** Unique in the graph. */
  readonly id: string;
  readonly label: string;
  readonly kind: NodeKind;
  /** Nodes of one group can be drawn as one: a namespace, `people`, `outside`. */
  readonly group: string;
}

/** Whether access is there on both sides of a comparison, or on one; without a comparison all is `same`. */
export type EdgeState = "same" | "gained" | "lost" | "changed";

/** Access of one node to another. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly state: EdgeState;
  /** Short, such as the ports. */
  readonly label: string;
  /** What else is to know: conditions, and which line of which file does it. */
  readonly details: readonly string[];
}

export interface Graph {
  readonly title: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** An edge with its ends, before nodes are known. */
export interface Link extends Omit<GraphEdge, "from" | "to"> {
  readonly from: GraphNode;
  readonly to: GraphNode;
}

/** The graph of links: each node once, and nodes and edges in an order that does not depend on that of the links. */
export function graphOf(title: string, links: Iterable<Link>): Graph {
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  for (const { from, to, ...edge } of links) {
    nodes.set(from.id, from);
    nodes.set(to.id, to);
    edges.push({ from: from.id, to: to.id, ...edge });
  }
  return {
    title,
    nodes: [...nodes.values()].sort((a, b) => compare(a.group, b.group) || compare(a.id, b.id)),
    edges: edges.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || compare(a.label, b.label)),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
