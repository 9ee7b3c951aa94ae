/** The texts of SVG and HTML. That a browser shows them, and lets the script run, is tested in test/graph. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Graph, graphOf, type Link } from "../../policy/graph/graph.ts";
import { serviceNode, workloadNode } from "../../policy/graph/nodes.ts";
import { renderGraph } from "./render.ts";

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror=alert(1)>"'&\u0000\u202E]]>`;
const link = (from: string, to: string, state: Link["state"], label = "5432"): Link => ({
  from: workloadNode(from),
  to: serviceNode(to),
  state,
  label,
  details: [`because: ${from}`],
});
const small: Graph = graphOf("small", [
  link("shop/api", "db", "same"),
  link("shop/web", "db", "gained"),
  link("shop/job", "db", "lost"),
  link("shop/old", "db", "changed"),
]);
const hostile: Graph = graphOf(HOSTILE, [link(HOSTILE, HOSTILE, "gained", HOSTILE)]);

describe("SVG", () => {
  it("tells what is added and removed by a sign and a line too", async () => {
    const svg = await renderGraph(small, "svg");
    expect(svg).toContain(">+ 5432<");
    expect(svg).toContain(">− 5432<");
    expect(svg).toContain(">~ 5432<");
    for (const state of ["gained", "lost", "changed", "same"])
      expect(svg).toContain(`<g class="edge ${state}">`);
    expect(svg).toMatch(/\.edge\.lost path\{[^}]*stroke-dasharray/);
    expect(await renderGraph(small, "svg")).toBe(svg);
  });

  it("has names as text, whatever they hold", async () => {
    const svg = await renderGraph(hostile, "svg");
    expect(svg).not.toMatch(/<script|<img|onerror=[^&]*>/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML can hold no such character
    expect(svg).not.toMatch(/[\u0000-\u0008]|\u202E/);
  });
});

describe("HTML", () => {
  const part = (html: string, pattern: RegExp): string => pattern.exec(html)?.[1] ?? "";
  const digest = (text: string): string => `sha256-${createHash("sha256").update(text).digest("base64")}`;

  it("lets in its own script and style alone, and asks nobody for anything", async () => {
    const html = await renderGraph(small, "html");
    const policy = part(html, /http-equiv="Content-Security-Policy" content="([^"]*)"/);
    expect(policy).toMatch(/^default-src 'none';/);
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain(digest(part(html, /<script>([\s\S]*?)<\/script>/)));
    expect(policy).toContain(digest(part(html, /<style>([\s\S]*?)<\/style>/)));
    expect(html).not.toMatch(/(src|href)="?(https?:)?\/\//);
    expect(html).not.toMatch(/ style="| on\w+="/);
  });

  it("has names as text, whatever they hold, also in the data for the script", async () => {
    const html = await renderGraph(hostile, "html");
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toContain("<img");
    const data: Graph = JSON.parse(part(html, /id="data">([\s\S]*?)<\/script>/));
    expect(data.nodes[0]?.label).toContain("</script>");
  });

  it("lists the changes for those who do not see the drawing, and has no list without one", async () => {
    const html = await renderGraph(small, "html");
    expect(html).toContain("<td>− lost</td><td>shop/job</td><td>db</td>");
    const same = await renderGraph(graphOf("same", [link("shop/api", "db", "same")]), "html");
    expect(same).not.toContain("<h2>Changes</h2>");
  });

  it("of 1,000 names is made in seconds", async () => {
    const links = Array.from({ length: 2000 }, (_, n) =>
      link(`team-${n % 20}/app-${n % 500}`, `db-${(n * 7) % 500}`, n % 90 === 0 ? "gained" : "same"),
    );
    const before = performance.now();
    const html = await renderGraph(graphOf("large", links), "html");
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(html.length).toBeLessThan(2_000_000);
  });
});
