import type { View, ViewEdge, ViewNode } from "../../policy/graph/view.ts";

/** The part of the layout library that is used; handed over, because in a page it is not imported. */
export interface Layouter {
  readonly graphlib: { readonly Graph: new (options: { multigraph: boolean }) => LayoutGraph };
  layout(graph: LayoutGraph): void;
}

interface LayoutGraph {
  setGraph(label: Readonly<Record<string, unknown>>): void;
  setNode(id: string, label: { readonly width: number; readonly height: number }): void;
  setEdge(from: string, to: string, label: Readonly<Record<string, unknown>>, name: string): void;
  graph(): unknown;
  node(id: string): unknown;
  edge(from: string, to: string, name: string): unknown;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Edges of a view with more have no text: it would hide what it tells. It is told in the tooltip and in the list. */
const MOST_LABELS = 40;
/** What did not change is told sooner by its tooltip alone. */
const MOST_PLAIN_LABELS = 24;
const LONGEST_NAME = 34;
const CHARACTER = 7.2;
const LABEL_CHARACTER = 6.6;
const MARKS = { same: "", gained: "+", lost: "−", changed: "~" };

/** A drawn view: the inner part of an `<svg>`, and its size. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly content: string;
}

/** Places the view's nodes and draws it. The same view gives the same drawing. */
export function draw({ nodes, edges }: View, dagre: Layouter): Drawing {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  const changed = edges.filter(({ state }) => state !== "same").length;
  const isLabelled = ({ state }: ViewEdge): boolean =>
    state === "same" ? edges.length <= MOST_PLAIN_LABELS : changed <= MOST_LABELS;
  graph.setGraph({
    rankdir: "LR",
    ranksep: edges.length <= MOST_PLAIN_LABELS ? 70 : 160,
    nodesep: 14,
    edgesep: 6,
    marginx: 16,
    marginy: 16,
  });
  const widths = new Map(nodes.map(({ id, label }) => [id, shorten(label).length * CHARACTER + 34]));
  for (const [id, width] of widths) graph.setNode(id, { width, height: 28 });
  for (const [index, edge] of edges.entries()) {
    const text = isLabelled(edge) ? edgeText(edge) : "";
    graph.setEdge(
      edge.from,
      edge.to,
      text === "" ? {} : { width: text.length * LABEL_CHARACTER + 16, height: 16, labelpos: "c" },
      String(index),
    );
  }
  dagre.layout(graph);
  const lines = edges.map((edge, index) =>
    drawEdge(
      edge,
      route(edge, graph, String(index), widths),
      pointOf(graph.edge(edge.from, edge.to, String(index))),
      isLabelled(edge),
    ),
  );
  const boxes = nodes.map((node) => drawNode(node, edges, pointOf(graph.node(node.id))));
  const size = graph.graph();
  return {
    width: Math.max(sizeOf(size, "width"), 200),
    height: Math.max(sizeOf(size, "height"), 40),
    content: `${lines.join("\n")}\n${boxes.join("\n")}`,
  };
}

function drawNode({ id, label, kind }: ViewNode, edges: readonly ViewEdge[], { x, y }: Point): string {
  const name = shorten(label);
  const width = name.length * CHARACTER + 34;
  const [left, top] = [round(x - width / 2), round(y - 14)];
  const outgoing = edges.filter(({ from }) => from === id).length;
  const incoming = edges.filter(({ to }) => to === id).length;
  const said = `${label}, ${kind}, reaches ${outgoing}, reached by ${incoming}`;
  const round_ = { workload: 4, service: 4, person: 14, agent: 14, addresses: 0, namespace: 4, group: 8 }[
    kind
  ];
  const second =
    kind === "group"
      ? `<rect x="${left + 3}" y="${top + 3}" width="${round(width - 6)}" height="22" rx="6" class="inner"/>`
      : kind === "service"
        ? `<rect x="${left}" y="${top}" width="5" height="28" class="bar"/>`
        : "";
  return (
    `<g class="node ${kind}" data-id="${escapeXml(id)}" tabindex="0" role="button" aria-label="${escapeXml(said)}">` +
    `<title>${escapeXml(said)}</title>` +
    `<rect x="${left}" y="${top}" width="${round(width)}" height="28" rx="${round_}"/>${second}` +
    `<text x="${round(x)}" y="${round(y + 4)}" text-anchor="middle">${escapeXml(name)}</text></g>`
  );
}

function drawEdge(edge: ViewEdge, points: readonly Point[], middle: Point, isLabelled: boolean): string {
  const { state, details, from, to } = edge;
  const text = edgeText(edge);
  const title = [`${plainName(from)} → ${plainName(to)} ${text}`, ...details].join("\n");
  const at = isLabelled ? middle : points[Math.floor(points.length / 2)];
  const label = at === undefined ? "" : isLabelled ? textOn(at, text) : textOn(at, MARKS[state]);
  return `<g class="edge ${state}"><title>${escapeXml(title)}</title><path d="${curve(points)}" marker-end="url(#to-${state})"/>${label}</g>`;
}

/** On ground of its own, so that the line does not strike it out or look like a sign. */
function textOn({ x, y }: Point, text: string): string {
  if (text === "") return "";
  const width = text.length * LABEL_CHARACTER + 8;
  return (
    `<rect class="under" x="${round(x - width / 2)}" y="${round(y - 8)}" width="${round(width)}" height="16"/>` +
    `<text x="${round(x)}" y="${round(y + 4)}" text-anchor="middle" class="label">${escapeXml(text)}</text>`
  );
}

/** From the side of one node through the points that the layout keeps free to the side of the other. */
function route(
  { from, to }: ViewEdge,
  graph: LayoutGraph,
  name: string,
  widths: ReadonlyMap<string, number>,
): Point[] {
  const [start, end] = [pointOf(graph.node(from)), pointOf(graph.node(to))];
  const forward = start.x <= end.x ? 1 : -1;
  const inner = pointsOf(graph.edge(from, to, name)).slice(1, -1);
  return [
    { x: start.x + (forward * (widths.get(from) ?? 0)) / 2, y: start.y },
    ...inner,
    { x: end.x - (forward * (widths.get(to) ?? 0)) / 2, y: end.y },
  ];
}

/** `+ 5432`: what is added or removed is said by a sign too, for whoever does not see the colour. */
export function edgeText({ state, label, count }: ViewEdge): string {
  const many = count > 1 && !label.endsWith("ways") ? `${label} ×${count}` : label;
  return [MARKS[state], many.length > 40 ? `${many.slice(0, 39)}…` : many]
    .filter((word) => word !== "")
    .join(" ");
}

function plainName(id: string): string {
  return id.replace(/^(who|to|service|group) /, "");
}

/** Level at every point, so that a line leaves and enters names sideways and texts on it are crossed by nothing else. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  let last = first;
  const parts = [`M${round(first.x)} ${round(first.y)}`];
  for (const point of rest) {
    const middle = round((last.x + point.x) / 2);
    parts.push(`C${middle} ${round(last.y)} ${middle} ${round(point.y)} ${round(point.x)} ${round(point.y)}`);
    last = point;
  }
  return parts.join("");
}

function shorten(label: string): string {
  if (label.length <= LONGEST_NAME) return label;
  return `${label.slice(0, 16)}…${label.slice(17 - LONGEST_NAME)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function pointOf(value: unknown): Point {
  return { x: sizeOf(value, "x"), y: sizeOf(value, "y") };
}

function pointsOf(value: unknown): Point[] {
  const points = typeof value === "object" && value !== null && "points" in value ? value.points : [];
  return Array.isArray(points) ? points.map(pointOf) : [];
}

function sizeOf(value: unknown, key: string): number {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === "number" && Number.isFinite(found) ? found : 0;
}

/** For text and attributes. What XML cannot hold, and what would turn the direction of the text around it, is replaced. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n\r]|[\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
