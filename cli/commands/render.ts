import { join } from "node:path";
import { useColor } from "../format/color.ts";
import { findingsText } from "../format/findings-text.ts";
import { instantOption } from "../instant.ts";
import { policyPaths } from "../policy-paths.ts";
import type { Register } from "../register.ts";
import { type RenderOptions, renderPolicies } from "../render/render.ts";

/** `portreeve render`: every object that the policies become, as files. */
export const registerRender: Register = (program) => {
  program
    .command("render")
    .description("Write every object that policies become as YAML and JSON files, without a cluster.")
    .argument("[paths...]", "policy files, or folders with them (default: policies/)")
    .requiredOption("--out <dir>", "folder to write to: an empty one, or one written by this command")
    .option("--cluster <name>", "one cluster only (default: all, a folder each)")
    .option("--ref <name=value>", "value of a ${ref:NAME}; may be given several times", collect, [])
    .option("--allow-refs", "leave ${ref:NAME} without a value in the files")
    .option("--now <instant>", "judge expiries at this instant (default: now)")
    .option("--json", "what was written, for programs")
    .addHelpText(
      "after",
      `
Examples:
  portreeve render policies/ --out rendered
  portreeve render policies/ --out rendered --cluster use1 --ref orders_db=db.example.com
  kubectl apply --dry-run=server -k rendered/use1

Files that an earlier run wrote and that are no longer rendered are removed; other files stay. Nothing is written
when a guardrail or a compiler finds an error, and the folder changes as a whole or not at all.

Exit code: 0 written, 2 not written.`,
    )
    .action(
      (
        given: readonly string[],
        options: RenderOptions & { readonly now?: string; readonly json?: boolean },
      ) => {
        const done = renderPolicies(
          policyPaths("render", given),
          options,
          instantOption("--now", options.now),
        );
        if (done.findings.length > 0)
          process.stderr.write(findingsText(done.findings, useColor(process.stderr)));
        if (options.json) {
          const { files, clusters, removed, missing } = done;
          process.stdout.write(
            `${JSON.stringify({ version: 1, out: options.out, files, clusters, removed, missing }, null, 2)}\n`,
          );
          return;
        }
        const removed = done.removed.length > 0 ? `, ${done.removed.length} no longer rendered removed` : "";
        const refs = done.missing.length > 0 ? `; without a value: ${done.missing.join(", ")}` : "";
        process.stdout.write(
          `${options.out}: ${done.files} files for ${done.clusters.join(", ")}${removed}${refs}\n`,
        );
        // kubectl refuses what still has a ${ref:NAME} in it, and so would a reader.
        const [cluster = "CLUSTER"] = done.clusters;
        if (done.missing.length === 0)
          process.stderr.write(
            `next: kubectl diff -k ${join(options.out, cluster)}, then kubectl apply -k; or let AccessPlane do it with pulumi up\n`,
          );
      },
    );
};

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}
