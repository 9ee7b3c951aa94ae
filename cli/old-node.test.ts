import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OLDEST, oldNode } from "./old-node.ts";

test.each(["18.20.0", "20.20.2", "22.11.0"])("Node %s is refused, with what to do", (node) => {
  expect(oldNode({ node })).toMatch(
    new RegExp(`^portreeve: this is Node ${node}, and it needs 22\\.12 or later\n {4}fix: `),
  );
});

test.each(["22.12.0", "22.20.1", "24.0.0", "26.3.1"])("Node %s is taken", (node) => {
  expect(oldNode({ node })).toBeUndefined();
});

test("the oldest Node is that of package.json", () => {
  const text = readFileSync(join(import.meta.dirname, "../package.json"), "utf8");
  expect(JSON.parse(text).engines.node).toBe(`>=${OLDEST.join(".")}`);
});

// Not proven: that modules load on an older Node at all. A syntax that it lacks would be told by Node itself.
test("it is looked at before anything else is loaded", () => {
  const main = readFileSync(join(import.meta.dirname, "main.ts"), "utf8");
  expect(main.match(/^import .*$/m)?.[0]).toBe('import "./node-version.ts";');
});
