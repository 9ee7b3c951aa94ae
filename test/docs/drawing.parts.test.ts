/**
 * The drawing of docs/concepts.md in a real browser, by day and by night: no text leaves its box or crosses another's edge, and all
 * of it has the contrast that WCAG 2.2 asks of small text (4.5). Not proven: that the drawing is right.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Browser, type Page, startBrowser } from "../graph/browser.ts";
import { ROOT } from "./markdown.ts";

let browser: Browser;
let page: Page;
beforeAll(async () => {
  browser = await startBrowser();
  page = await browser.open(pathToFileURL(join(ROOT, "docs/images/concepts.svg")).href);
});
afterAll(() => browser?.close());

/** Runs in the page: texts that cross a box, and the least contrast of each text with the filled box around it. */
const LOOK = `(() => {
  const boxes = [...document.querySelectorAll("rect")];
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const crossing = [];
  const contrast = [];
  for (const text of document.querySelectorAll("text")) {
    const t = text.getBBox();
    const around = [];
    for (const box of boxes) {
      const b = box.getBBox();
      const apart = t.x > b.x + b.width || t.x + t.width < b.x || t.y > b.y + b.height || t.y + t.height < b.y;
      const inside = t.x >= b.x && t.x + t.width <= b.x + b.width && t.y >= b.y && t.y + t.height <= b.y + b.height;
      if (inside) around.push(getComputedStyle(box).fill);
      else if (!apart) crossing.push(text.textContent);
    }
    const back = around.filter((fill) => fill !== "none").at(-1);
    const [light, dark] = [luminance(getComputedStyle(text).fill), luminance(back)].sort((a, b) => b - a);
    contrast.push((light + 0.05) / (dark + 0.05));
  }
  return { texts: contrast.length, crossing, least: Math.min(...contrast), paper: getComputedStyle(boxes[0]).fill };
})()`;

test.each([
  ["light", "rgb(255, 255, 255)"],
  ["dark", "rgb(13, 17, 23)"],
])("is readable in a %s theme", async (theme, paper) => {
  await page.send("Emulation.setEmulatedMedia", {
    features: [{ name: "prefers-color-scheme", value: theme }],
  });
  const seen = (await page.value(LOOK)) as {
    texts: number;
    crossing: string[];
    least: number;
    paper: string;
  };
  expect(seen.paper).toBe(paper);
  expect(seen.texts).toBeGreaterThan(25);
  expect(seen.crossing).toEqual([]);
  expect(seen.least).toBeGreaterThanOrEqual(4.5);
});
