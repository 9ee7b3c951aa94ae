import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../policy/load/index.ts";
import { compileAll } from "./compile-all.ts";

const here = import.meta.dirname;
const cases = readdirSync(here, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

/**
 * One case, every target side by side. `vitest run -u` writes the expectation anew: read its diff as a reviewer would.
 *
 * A golden file says what is emitted, not that it is right: that is proven by the comparison with `decide`, and by Istio
 * itself in test/istio.
 */
describe.each(cases)("%s", (name) => {
  const text = readFileSync(join(here, name, "policies.yaml"), "utf8");
  const load = (source: string) => loadModel({ texts: [{ name: "policies.yaml", text: source }] });

  test("compiles to what is expected of every target", async () => {
    await expect(compileAll(load(text))).toMatchFileSnapshot(join(here, name, "expected.yaml"));
  });

  test("compiles to the same bytes when the documents come in another order", () => {
    const reversed = text
      .split(/^---\n/m)
      .reverse()
      .join("---\n");
    expect(withoutPositions(compileAll(load(reversed)))).toBe(withoutPositions(compileAll(load(text))));
  });
});

/** Where a thing was written does change; it is in findings, and in the proxy's configuration for its records. */
function withoutPositions(compiled: string): string {
  return compiled
    .replace(/policies\.yaml:\d+:\d+/g, "policies.yaml")
    .replace(/^( *)(line|col): \d+$/gm, "$1$2: 0");
}
