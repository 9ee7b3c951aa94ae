/**
 * Every relative link and image of every page leads to a file that exists, and to a heading that is there; every file that is
 * named in the text exists. Not proven here: that addresses outside of the repository answer, and that what is linked says what
 * the link promises.
 */
import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchors, codeSpans, links, pages, ROOT, read } from "./markdown.ts";

const OUTSIDE = /^[a-z][a-z0-9+.-]*:/i;
/** Where a page stands for many files: `cli/commands/NAME.ts`. */
const PLACE_HOLDER = /\/(?:KIND|NAME)\.ts$/;
/** A path from the root, written out. */
const OWN_PATH =
  /^(?:bench|cli|components|dashboards|docs|examples|policy|policy-pack|provider|proxy-image|schemas|scripts|test|testing)\/[\w.-]+(?:\/[\w.-]+)*\/?$/;

function problem(page: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (file.startsWith("..")) return "leads out of the repository";
  const full = join(ROOT, file);
  if (!existsSync(full)) return `${file} does not exist`;
  if (anchor === undefined || !file.endsWith(".md")) return undefined;
  if (statSync(full).isDirectory()) return `${file} is a folder, and has no headings`;
  return anchors(read(file)).has(anchor) ? undefined : `${file} has no heading for #${anchor}`;
}

test("headings become the anchors that GitHub makes of them", () => {
  expect([
    ...anchors("# A `portreeve` page: what, and why?\n## Same\n## Same\n```sh\n# none\n```\n"),
  ]).toEqual(["a-portreeve-page-what-and-why", "same", "same-1"]);
});

test("a link that leads nowhere is found", () => {
  expect(problem("docs/concepts.md", "no-such-page.md")).toContain("does not exist");
  expect(problem("docs/concepts.md", "concepts.md#no-such-heading")).toContain("no heading");
  expect(problem("docs/concepts.md", "../../outside.md")).toContain("out of the repository");
  expect(links("`[a](b.md)` [c](d.md) ![e](f.svg)\n```\n[g](h.md)\n```").map(({ target }) => target)).toEqual(
    ["d.md", "f.svg"],
  );
});

test("links lead to files and headings that exist", () => {
  const broken = pages().flatMap((page) =>
    links(read(page))
      .filter(({ target }) => !OUTSIDE.test(target) && !target.startsWith("//"))
      .flatMap(({ target, line }) => {
        const why = problem(page, target);
        return why ? [`${page}:${line}: (${target}) ${why}`] : [];
      }),
  );
  expect(broken).toEqual([]);
});

test("files that the text names exist", () => {
  const missing = pages().flatMap((page) =>
    codeSpans(read(page))
      .filter(
        ({ target }) =>
          OWN_PATH.test(target) && !PLACE_HOLDER.test(target) && !existsSync(join(ROOT, target)),
      )
      .map(({ target, line }) => `${page}:${line}: ${target}`),
  );
  expect(missing).toEqual([]);
});
