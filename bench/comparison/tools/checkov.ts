import { join } from "node:path";
import { z } from "zod";
import { part } from "../../../test/toolchain/parts.ts";
import { output, type Side, staged } from "./stage.ts";
import { added, type Tool } from "./tool.ts";

const report = z.object({
  results: z.object({
    failed_checks: z.array(z.object({ check_id: z.string(), check_name: z.string(), resource: z.string() })),
  }),
});
/** One framework is an object, several are a list, none that it knows is an object without results. */
const reports = z.union([
  z.array(report),
  report.transform((one) => [one]),
  z.object({}).transform(() => []),
]);

/** Checks of Kubernetes objects and of the CloudFormation template. */
export const checkov: Tool = {
  name: "checkov",
  commands: ["checkov -d HEAD --framework kubernetes cloudformation"],
  version: async () => (await part("checkov")).version,
  run: async (change) => {
    const { path } = await part("checkov");
    return staged(change, true, (folder) => {
      const say = (side: Side) => {
        const frameworks = ["--framework", "kubernetes", "cloudformation"];
        const args = ["-d", ".", ...frameworks, "--skip-download", "--quiet", "--compact", "-o", "json"];
        const { out } = output(path, args, join(folder, side), [0, 1]);
        return reports
          .parse(JSON.parse(out))
          .flatMap(({ results }) => results.failed_checks)
          .map(({ check_id, check_name, resource }) => `${check_id} ${resource}: ${check_name}`);
      };
      return added(say("before"), say("after"));
    });
  },
};
