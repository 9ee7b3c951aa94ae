import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../../scripts/extract-istio-crds.ts";
import { part } from "../toolchain/parts.ts";

test("the schemas in the code are those of the CRDs that Istio publishes", async () => {
  const crds = readFileSync((await part("istio-crds")).path, "utf8");
  const inCode = readFileSync(join(import.meta.dirname, "../../policy/istio/validation/crds.gen.ts"), "utf8");
  expect(generate(crds) === inCode, "run `node scripts/extract-istio-crds.ts`").toBe(true);
});
