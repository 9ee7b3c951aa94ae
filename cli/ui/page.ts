import { join } from "node:path";
import { escapeXml } from "../graph/draw.ts";
import { graphParts, hash, PAGE_STYLE } from "../graph/html.ts";
import { moduleText } from "../graph/script.ts";
import { LIVE_COLUMNS, REFUSED_COLUMNS } from "./answers.ts";
import type { Policies } from "./policies.ts";
import { UI_STYLE } from "./style.ts";

/** Where what is shown comes from. */
export interface Sources {
  readonly paths: readonly string[];
  readonly admins: readonly string[];
  readonly logs: readonly string[];
}

/** The page, and the policy under which it may do nothing but run its own script and ask its own server. */
export async function uiPage(
  policies: Policies,
  sources: Sources,
): Promise<{ readonly html: string; readonly contentPolicy: string }> {
  const access = await accessSection(policies, sources.paths);
  const live = `(() => {\n${moduleText(join(import.meta.dirname, "page/live"))}\n})();`;
  const scripts = [live, ...access.scripts];
  const style = `${access.style}${UI_STYLE}`;
  const contentPolicy = [
    "default-src 'none'",
    `style-src '${hash(style)}'`,
    `script-src ${scripts.map((script) => `'${hash(script)}'`).join(" ")}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ].join("; ");
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portreeve</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body data-first="${firstTab(sources)}" data-digest="${policies.state === "read" ? escapeXml(policies.digest) : ""}">
<header>
<div class="top"><h1>Portreeve</h1><p class="quiet">${escapeXml(sourceText(sources))}</p><p class="quiet" id="proxies"></p></div>
<nav role="tablist" aria-label="what is shown">
${tab("access", "Access", false)}${tab("live", "Live connections", true)}${tab("refused", "Refused", true)}
</nav>
</header>
<div id="problems" role="alert"></div>
<section id="access" role="tabpanel" aria-labelledby="tab-access">${access.html}</section>
${tableSection("live", LIVE_COLUMNS, sources.admins.length > 0, "Start with --admin to see live connections.")}
${tableSection("refused", [...REFUSED_COLUMNS, ""], sources.logs.length > 0, "Start with --log to see what was refused.")}
${access.data}
${scripts.map((script) => `<script>${script}</script>`).join("\n")}
</body>
</html>
`;
  return { html, contentPolicy };
}

interface Access {
  readonly html: string;
  readonly style: string;
  readonly scripts: readonly string[];
  readonly data: string;
}

async function accessSection(policies: Policies, paths: readonly string[]): Promise<Access> {
  const nothing = { style: PAGE_STYLE, scripts: [], data: "" };
  switch (policies.state) {
    case "none":
      return { ...nothing, html: `<p class="empty">Start with --policies to see who may reach what.</p>` };
    case "wrong":
      return {
        ...nothing,
        html: `<h2>The policies cannot be read: ${escapeXml(paths.join(", "))}</h2><pre>${escapeXml(policies.problem)}</pre>`,
      };
    case "read": {
      const { graph, digest } = policies;
      const of = `<p class="quiet">${escapeXml(graph.title)}, policies ${escapeXml(digest)}</p>`;
      if (graph.edges.length === 0) {
        return {
          ...nothing,
          html: `${of}<p class="empty">Nobody may reach anything: the policies grant nothing.</p>`,
        };
      }
      const { controls, drawing, data, script, style } = graphParts(graph, await import("@dagrejs/dagre"));
      return { html: `${of}${controls}${drawing}`, style, scripts: [script], data };
    }
  }
}

/** What there is something to see of. */
function firstTab({ paths, admins }: Sources): string {
  if (paths.length > 0) return "access";
  return admins.length > 0 ? "live" : "refused";
}

function sourceText({ paths, admins, logs }: Sources): string {
  return [
    ...(paths.length > 0 ? [`policies ${paths.join(", ")}`] : []),
    ...(admins.length > 0 ? [`proxies ${admins.join(", ")}`] : []),
    ...(logs.length > 0 ? [`records ${logs.join(", ")}`] : []),
  ].join("; ");
}

function tab(id: string, name: string, counts: boolean): string {
  const count = counts ? `<span class="count" id="${id}-count">–</span>` : "";
  return `<button type="button" role="tab" id="tab-${id}" aria-controls="${id}" aria-selected="false">${name}${count}</button>`;
}

function tableSection(id: string, columns: readonly string[], isThere: boolean, otherwise: string): string {
  const inner = isThere
    ? `<div class="controls"><label>Filter <input id="${id}-filter" type="search" placeholder="words, all of them" autocomplete="off"></label><span class="quiet" id="${id}-said" role="status"></span></div>
<div class="scroll"><table id="${id}-table"><thead><tr>${columns.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody></tbody></table></div>
<p class="empty" id="${id}-empty" hidden></p>`
    : `<p class="empty">${otherwise}</p>`;
  return `<section id="${id}" role="tabpanel" aria-labelledby="tab-${id}" hidden>${inner}</section>`;
}
