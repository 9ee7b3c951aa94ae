import type { Graph } from "../../policy/graph/graph.ts";
import { firstView, viewOf } from "../../policy/graph/view.ts";
import { draw, escapeXml, type Layouter } from "./draw.ts";
import { DRAWING_STYLE, MARKERS } from "./style.ts";

const LEGEND = [
  ["gained", "+ gained"],
  ["lost", "− lost"],
  ["changed", "~ changed"],
  ["same", "unchanged"],
] as const;

/** The graph as an SVG that stands alone. Of a large one it has the changes alone, and groups drawn as one. */
export function graphSvg(graph: Graph, dagre: Layouter): string {
  const view = firstView(graph);
  const { width, height, content } = draw(viewOf(graph, view), dagre);
  const isDiff = graph.edges.some(({ state }) => state !== "same");
  const total = Math.max(width, isDiff ? 420 : 200, graph.title.length * 7 + 32);
  const legend = isDiff
    ? LEGEND.map(
        ([state, text], index) =>
          `<g class="edge ${state}"><path d="M${16 + index * 112} ${height + 44}h24"/></g><text x="${44 + index * 112}" y="${height + 48}">${text}</text>`,
      ).join("")
    : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height + 64}" width="${total}" height="${height + 64}" role="img" aria-label="${escapeXml(graph.title)}">
<title>${escapeXml(graph.title)}</title>
<style>${DRAWING_STYLE}</style>${MARKERS}
<rect class="paper" width="100%" height="100%"/>
<text class="title" x="16" y="20">${escapeXml(graph.title)}${view.hideUnchanged ? " (changes alone)" : ""}</text>
<g transform="translate(0 24)">
${content}
</g>
<g class="legend">${legend}</g>
</svg>
`;
}
