import type { EdgeState, Graph, GraphNode } from "./graph.ts";

/** What of a graph is looked at. */
export interface ViewOptions {
  /** Groups drawn as one node. */
  readonly collapsed: ReadonlySet<string>;
  readonly hideUnchanged: boolean;
  /** Only the nodes with this node's name, and those they have access to or that have access to them. */
  readonly focus: string | undefined;
}

/** A node, or a whole group. */
export interface ViewNode extends Pick<GraphNode, "id" | "label" | "group"> {
  readonly kind: GraphNode["kind"] | "group";
}

/** All edges between two nodes of a view. */
export interface ViewEdge {
  readonly from: string;
  readonly to: string;
  readonly state: EdgeState;
  readonly label: string;
  /** How many edges it stands for. */
  readonly count: number;
  readonly details: readonly string[];
}

export interface View {
  readonly nodes: readonly ViewNode[];
  readonly edges: readonly ViewEdge[];
}

/** More than this takes a layout too long, and nobody sees anything in it. */
export const MOST_NODES = 160;
export const MOST_EDGES = 400;

/** The part of the graph that the options ask for, groups as single nodes. */
export function viewOf(graph: Graph, options: ViewOptions): View {
  const { collapsed, hideUnchanged, focus } = options;
  const nodes = new Map<string, ViewNode>();
  const standsFor = new Map<string, string>();
  const sizes = new Map<string, number>();
  for (const { group } of graph.nodes) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  for (const node of graph.nodes) {
    const { id, label, kind, group } = node;
    // A group of one says less than its only member.
    if (collapsed.has(group) && (sizes.get(group) ?? 0) > 1) {
      const of = `group ${group}`;
      standsFor.set(id, of);
      nodes.set(of, { id: of, label: `${group} (${sizes.get(group) ?? 0})`, kind: "group", group });
    } else {
      standsFor.set(id, id);
      nodes.set(id, { id, label, kind, group });
    }
  }
  const name = focus === undefined ? undefined : nodes.get(focus)?.label;
  const isFocus = (id: string): boolean => id === focus || nodes.get(id)?.label === name;
  const merged = new Map<string, ViewEdge>();
  for (const edge of graph.edges) {
    if (hideUnchanged && edge.state === "same") continue;
    const [from, to] = [standsFor.get(edge.from) ?? edge.from, standsFor.get(edge.to) ?? edge.to];
    if (focus !== undefined && !isFocus(from) && !isFocus(to)) continue;
    const key = `${from}\n${to}`;
    const known = merged.get(key);
    merged.set(
      key,
      known === undefined
        ? { from, to, state: edge.state, label: edge.label, count: 1, details: edge.details }
        : {
            ...known,
            state: both(known.state, edge.state),
            label: known.label === edge.label ? known.label : `${known.count + 1} ways`,
            count: known.count + 1,
            details: known.details.length < 40 ? [...known.details, ...edge.details] : known.details,
          },
    );
  }
  const edges = [...merged.values()];
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  if (focus !== undefined) used.add(focus);
  return { nodes: [...nodes.values()].filter(({ id }) => used.has(id)), edges };
}

function both(a: EdgeState, b: EdgeState): EdgeState {
  if (a === b) return a;
  if (a === "same") return b;
  if (b === "same") return a;
  return "changed";
}

/** Of a difference with more connections, the changes alone are seen at once. */
const MOST_AT_ONCE = 30;

/** What to show first: all; of a difference where that is much, the changes alone; where it is too much, groups as one. */
export function firstView(graph: Graph): ViewOptions {
  const all = { collapsed: new Set<string>(), hideUnchanged: false, focus: undefined };
  const isDiff = graph.edges.some(({ state }) => state !== "same");
  if (graph.edges.length <= MOST_AT_ONCE || !isDiff)
    return { ...all, collapsed: collapseToFit(graph, false) };
  return { ...all, collapsed: collapseToFit(graph, true), hideUnchanged: true };
}

/**
 * Which groups to draw as one, so that the whole is small enough to be seen: those without a change all together, as some
 * drawn otherwise than others would look as if they were special; then the largest.
 */
export function collapseToFit(graph: Graph, hideUnchanged: boolean): ReadonlySet<string> {
  const fitting = (collapsed: ReadonlySet<string>): boolean =>
    fits(viewOf(graph, { collapsed, hideUnchanged, focus: undefined }));
  const collapsed = new Set<string>();
  if (fitting(collapsed)) return collapsed;
  const changed = new Set(
    graph.edges.filter(({ state }) => state !== "same").flatMap(({ from, to }) => [from, to]),
  );
  const groups = new Map<string, { size: number; hasChange: boolean }>();
  for (const { id, group } of graph.nodes) {
    const known = groups.get(group) ?? { size: 0, hasChange: false };
    groups.set(group, { size: known.size + 1, hasChange: known.hasChange || changed.has(id) });
  }
  for (const [group, { hasChange }] of groups) if (!hasChange) collapsed.add(group);
  const others = [...groups].filter(([, { hasChange }]) => hasChange).sort(([, a], [, b]) => b.size - a.size);
  for (const [group] of others) {
    if (fitting(collapsed)) break;
    collapsed.add(group);
  }
  return collapsed;
}

/** Whether a view can be laid out while somebody waits. */
export function fits({ nodes, edges }: View): boolean {
  return nodes.length <= MOST_NODES && edges.length <= MOST_EDGES;
}
