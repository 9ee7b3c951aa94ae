/** The page of a graph in a real browser, Chromium. Not proven here: other browsers, and what a screen reader says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderGraph } from "../../cli/graph/render.ts";
import { type Graph, graphOf } from "../../policy/graph/graph.ts";
import { serviceNode, workloadNode } from "../../policy/graph/nodes.ts";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror='document.title="owned"'>"'&`;
let chromium: string;
let dir: string;
beforeAll(async () => {
  chromium = (await part("chromium")).path;
  dir = mkdtempSync(join(tmpdir(), "portreeve-page-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The document after its script has run. */
async function opened(graph: Graph, hash = ""): Promise<string> {
  const file = join(dir, "page.html");
  writeFileSync(file, await renderGraph(graph, "html"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    `--user-data-dir=${join(dir, "profile")}`,
  ];
  const url = `${pathToFileURL(file).href}${hash}`;
  return run(chromium, [...flags, "--virtual-time-budget=5000", "--dump-dom", url]);
}

const status = (dom: string): string => /id="status"[^>]*>([^<]*)/.exec(dom)?.[1] ?? "";
const link = (from: string, to: string, state: "same" | "gained", details: readonly string[] = []) => ({
  from: workloadNode(from),
  to: serviceNode(to),
  state,
  label: "5432",
  details,
});

describe("the page", () => {
  it("runs its own script under its own policy, and draws everything", async () => {
    const dom = await opened(
      graphOf("small", [link("shop/api", "db", "same"), link("shop/web", "db", "gained")]),
    );
    expect(status(dom)).toBe("3 names, 2 connections; 3 and 2 in all.");
    expect(dom.match(/class="node (workload|service)"/g)).toHaveLength(3);
  });

  it("shows hostile names as text: nothing of them is run or becomes an element", async () => {
    const dom = await opened(graphOf("hostile", [link(HOSTILE, HOSTILE, "gained", [HOSTILE])]));
    expect(status(dom)).toMatch(/^2 names/);
    expect(dom).toContain("<title>hostile</title>");
    expect(dom).not.toContain("<img");
    expect(dom.match(/<script/g)).toHaveLength(2);
  });

  it("of 1,000 names begins with the changes, and shows the surroundings of one that a link names", async () => {
    const links = Array.from({ length: 2000 }, (_, n) =>
      link(`team-${n % 20}/app-${n % 500}`, `db-${(n * 7) % 500}`, n % 90 === 0 ? "gained" : "same"),
    );
    const large = graphOf("large", links);
    expect(status(await opened(large))).toMatch(/^\d+ names, 23 connections; 1000 and 2000 in all\.$/);
    const around = await opened(large, "#team-3/app-3");
    expect(status(around)).toMatch(/around team-3\/app-3 \(Esc shows all\)/);
    expect(around).toMatch(/<h2>team-3\/app-3: 4 connections<\/h2>/);
  });
});
