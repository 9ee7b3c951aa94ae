import type { Graph } from "../../policy/graph/graph.ts";

export const GRAPH_FORMATS = ["svg", "html"] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

export function isGraphFormat(format: string): format is GraphFormat {
  return format === "svg" || format === "html";
}

/** The graph as text of a format. The layout library is loaded only here: other commands do not wait for it. */
export async function renderGraph(graph: Graph, format: GraphFormat): Promise<string> {
  const dagre = await import("@dagrejs/dagre");
  switch (format) {
    case "svg":
      return (await import("./svg.ts")).graphSvg(graph, dagre);
    case "html":
      return (await import("./html.ts")).graphHtml(graph, dagre);
  }
}
