import { part } from "../../../test/toolchain/parts.ts";
import { output, staged } from "./stage.ts";
import type { Tool } from "./tool.ts";

/** np-guard's analyzer: the difference of what NetworkPolicies and Istio's policies let through. */
export const nca: Tool = {
  name: "np-guard NCA",
  commands: ["nca --semantic_diff -r HEAD --base_resource_list BASE --output_endpoints deployments"],
  version: async () => (await part("nca")).version,
  run: async (change) => {
    const { path } = await part("nca");
    const { out, err } = staged(change, false, (folder) =>
      output(
        path,
        [
          "--semantic_diff",
          "-r",
          "after",
          "--base_resource_list",
          "before",
          "--output_endpoints",
          "deployments",
        ],
        folder,
        // It ends with the number of differences.
        Array.from({ length: 100 }, (_, i) => i),
      ),
    );
    return [...rows(out), ...warnings(err)];
  },
};

/** Its rows, each behind its heading. A heading of rows that it cannot have an answer for does not occur here. */
function rows(text: string): string[] {
  const found: string[] = [];
  let heading = "";
  for (const line of text.split("\n")) {
    const title = /^(.*) \(based on topology/.exec(line)?.[1];
    if (title !== undefined) heading = title;
    else if (line.startsWith("src")) found.push(`${heading}: ${line.trim()}`);
  }
  return found;
}

/** Warnings, once each, without the place. Those about the side before are said again about the side after. */
function warnings(text: string): string[] {
  const found = text.split("\n").flatMap((line) => {
    const [, warning] = /Warning: (.*)$/.exec(line) ?? [];
    return warning === undefined || line.startsWith("before/") ? [] : [`warning: ${warning}`];
  });
  return [...new Set(found)];
}
