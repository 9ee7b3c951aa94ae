/** The page of a graph in a real browser, Chromium. Not proven here: other browsers, a mouse, and what a screen reader says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderGraph } from "../../cli/graph/render.ts";
import { type Graph, graphOf } from "../../policy/graph/graph.ts";
import { serviceNode, workloadNode } from "../../policy/graph/nodes.ts";
import { type Browser, type Page, startBrowser } from "./browser.ts";

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror='document.title="owned"'>"'&`;
let browser: Browser;
let dir: string;
let nth = 0;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-page-"));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function opened(graph: Graph, hash = ""): Promise<Page> {
  const file = join(dir, `page-${++nth}.html`);
  writeFileSync(file, await renderGraph(graph, "html"));
  return browser.open(`${pathToFileURL(file).href}${hash}`);
}

const status = (page: Page) => page.value('document.getElementById("status").textContent');
const link = (from: string, to: string, state: "same" | "gained", details: readonly string[] = []) => ({
  from: workloadNode(from),
  to: serviceNode(to),
  state,
  label: "5432",
  details,
});
const small = graphOf("small", [
  link("shop/api", "db", "same"),
  link("shop/api", "cache", "same"),
  link("shop/web", "db", "gained"),
]);
const large = graphOf(
  "large",
  Array.from({ length: 2000 }, (_, n) =>
    link(`team-${n % 20}/app-${n % 500}`, `db-${(n * 7) % 500}`, n % 90 === 0 ? "gained" : "same"),
  ),
);

describe("the page", () => {
  it("runs its own script under its own policy, and draws everything", async () => {
    const page = await opened(small);
    expect(await status(page)).toBe("4 names, 3 connections; 4 and 3 in all.");
    expect(await page.value('document.querySelectorAll("#drawing .node").length')).toBe(4);
    expect(page.complaints).toEqual([]);
  });

  it("is used by keyboard: a name is chosen, all shown again, the drawing moved, a name searched", async () => {
    const page = await opened(small);
    await page.value("document.querySelector(\"[data-id='who shop/web']\").focus()");
    await page.press("Enter");
    expect(await status(page)).toMatch(/^2 names, 1 connection around shop\/web/);
    expect(await page.value('document.querySelector("#details h2").textContent')).toBe(
      "shop/web: 1 connection",
    );
    expect(await page.value("document.activeElement.dataset.id")).toBe("who shop/web");
    await page.press("Escape");
    expect(await status(page)).toMatch(/^4 names/);
    const box = () => page.value('document.getElementById("stage").getAttribute("viewBox")');
    const before = await box();
    await page.press("ArrowRight");
    expect(await box()).not.toBe(before);
    await page.press("/");
    for (const key of "cache") await page.press(key);
    await page.press("Enter");
    expect(await status(page)).toMatch(/^2 names, 1 connection around cache/);
    expect(page.complaints).toEqual([]);
  });

  it("shows hostile names as text: nothing of them is run or becomes an element", async () => {
    const page = await opened(graphOf("hostile", [link(HOSTILE, HOSTILE, "gained", [HOSTILE])]));
    expect(await status(page)).toMatch(/^2 names/);
    await page.value('document.querySelector("[data-id]").focus()');
    await page.press("Enter");
    expect(await page.value("document.title")).toBe("hostile");
    expect(await page.value('document.querySelectorAll("img").length')).toBe(0);
    expect(await page.value('document.querySelector("#details h2").textContent')).toContain("</script>");
    expect(page.complaints).toEqual([]);
  });

  it("of 1,000 names begins with the changes, and shows the surroundings of one that a link names", async () => {
    const page = await opened(large);
    expect(await status(page)).toMatch(/^\d+ names, 23 connections; 1000 and 2000 in all\.$/);
    await page.value('document.getElementById("hide").click()');
    expect(await status(page)).toMatch(/; 1000 and 2000 in all\.$/);
    const around = await opened(large, "#team-3/app-3");
    expect(await status(around)).toMatch(/around team-3\/app-3 \(Esc shows all\)/);
  });
});
