import { createHash } from "node:crypto";
import type { EdgeState, Graph } from "../../policy/graph/graph.ts";
import { firstView, viewOf } from "../../policy/graph/view.ts";
import { draw, escapeXml, type Layouter } from "./draw.ts";
import { pageScript } from "./script.ts";
import { DRAWING_STYLE, MARKERS } from "./style.ts";

/** Of a page with a graph, and of what stands around it. */
export const PAGE_STYLE = `
:root{color-scheme:light dark}
body{margin:0;font:14px/1.4 system-ui,sans-serif;background:#fff;color:#1f2328}
header{padding:10px 16px 6px;border-bottom:1px solid #d1d9e0}h1{font-size:18px;margin:0 0 8px}h2{font-size:15px;margin:12px 0 4px}
.controls{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:center}#groups{display:flex;flex-wrap:wrap;gap:2px 12px;max-height:5em;overflow:auto}
input[type=search]{min-width:16em}button,input{font:inherit}
#status{margin:6px 0 0;color:#59636e}
#stage{display:block;width:100%;height:68vh;touch-action:none;cursor:grab;border-bottom:1px solid #d1d9e0}
.node{cursor:pointer}.node:focus{outline:none}.node:focus rect:first-of-type,.node:hover rect:first-of-type{stroke:#0969da;stroke-width:3}
.edge:hover path{stroke-width:4}
main{padding:0 16px 16px}li.gained{color:#1a7f37}li.lost{color:#cf222e}li.changed{color:#9a6700}
table{border-collapse:collapse;margin-top:8px}th,td{text-align:left;padding:3px 10px 3px 0;border-bottom:1px solid #d1d9e0;vertical-align:top}td{overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;padding:4px 16px;color:#59636e}.key svg{width:30px;height:10px;margin-right:4px}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#f0f6fc}header,#stage,th,td{border-color:#3d444d}#status,.key{color:#9198a1}
li.gained{color:#3fb950}li.lost{color:#f85149}li.changed{color:#d29922}.node:focus rect:first-of-type,.node:hover rect:first-of-type{stroke:#4493f8}}
@media print{.controls,#status{display:none}#stage{height:auto}}
`;

const SIGNS: Readonly<Record<EdgeState, string>> = {
  same: "",
  gained: "+ gained",
  lost: "− lost",
  changed: "~ changed",
};
/** A table of more is not read; the drawing and the search have them all. */
const MOST_ROWS = 500;

/** The parts of a page with one graph. */
export interface GraphParts {
  readonly style: string;
  /** Above the drawing: search, zoom, groups. */
  readonly controls: string;
  /** The drawing, and what stands below it. */
  readonly drawing: string;
  /** The graph for the script, which begins with it. */
  readonly data: string;
  readonly script: string;
}

/**
 * The graph as one page that asks nobody for anything: its policy lets in its own script and style alone. Without script it
 * shows the drawing and the list of changes.
 */
export function graphHtml(graph: Graph, dagre: Layouter): string {
  const { style, controls, drawing, data, script } = graphParts(graph, dagre);
  const policy = `default-src 'none'; style-src '${hash(style)}'; script-src '${hash(script)}'; base-uri 'none'; form-action 'none'`;
  const title = escapeXml(graph.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${controls}
</header>
${drawing}
${data}
<script>${script}</script>
</body>
</html>
`;
}

export function graphParts(graph: Graph, dagre: Layouter): GraphParts {
  const isDiff = graph.edges.some(({ state }) => state !== "same");
  const first = firstView(graph);
  const { width, height, content } = draw(viewOf(graph, first), dagre);
  return {
    style: `${PAGE_STYLE}${DRAWING_STYLE}`,
    controls: `<div class="controls">
<label>Search <input id="search" type="search" list="names" placeholder="name, then Enter" autocomplete="off"></label>
<datalist id="names">${graph.nodes.map(({ label }) => `<option value="${escapeXml(label)}"></option>`).join("")}</datalist>
<label${isDiff ? "" : " hidden"}><input id="hide" type="checkbox"${first.hideUnchanged ? " checked" : ""}> hide unchanged</label>
<button type="button" id="zoom-in" aria-label="zoom in">+</button>
<button type="button" id="zoom-out" aria-label="zoom out">−</button>
<button type="button" id="all">show all</button>
<button type="button" id="collapse">collapse all groups</button>
<div id="groups" role="group" aria-label="groups that are shown member by member"></div>
</div>
<p id="status" role="status"></p>`,
    drawing: `<svg id="stage" viewBox="0 0 ${width} ${height}" role="group" aria-label="${escapeXml(graph.title)}">${MARKERS}<g id="drawing">
${content}
</g></svg>
<div class="key">${isDiff ? key() : ""}<span>Tab and Enter: choose a name; arrows, + and −: move; /: search; Esc: show all</span></div>
<main>
<div id="details" aria-live="polite"></div>
${isDiff ? changes(graph) : ""}
</main>`,
    data: `<script type="application/json" id="data">${JSON.stringify(graph).replaceAll("<", "\\u003c")}</script>`,
    script: `(() => {\n${pageScript()}\n})();`,
  };
}

function key(): string {
  return (["gained", "lost", "changed", "same"] as const)
    .map(
      (state) =>
        `<span><svg class="edge ${state}" viewBox="0 0 30 10" aria-hidden="true"><path d="M0 5h30"/></svg>${SIGNS[state] || "unchanged"}</span>`,
    )
    .join("");
}

function changes({ nodes, edges }: Graph): string {
  const names = new Map(nodes.map(({ id, label }) => [id, label]));
  const changed = edges.filter(({ state }) => state !== "same");
  const rows = changed
    .slice(0, MOST_ROWS)
    .map(
      ({ from, to, state, label, details }) =>
        `<tr><td>${SIGNS[state]}</td><td>${escapeXml(names.get(from) ?? from)}</td><td>${escapeXml(names.get(to) ?? to)}</td><td>${escapeXml(label)}</td><td>${details.map(escapeXml).join("<br>")}</td></tr>`,
    );
  const rest = changed.length - rows.length;
  return `<h2>Changes</h2>
<table><thead><tr><th>change</th><th>who</th><th>to</th><th>ports</th><th>how, and because of what</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table>${rest > 0 ? `\n<p>…and ${rest} more.</p>` : ""}`;
}

/** A text as policies of content name it. */
export function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
