import { join } from "node:path";
import { z } from "zod";
import { part } from "../../../test/toolchain/parts.ts";
import { filesOf } from "../changes.ts";
import { output, type Side, staged } from "./stage.ts";
import { added, type Tool } from "./tool.ts";

const results = z.array(z.object({ failures: z.array(z.object({ msg: z.string() })).optional() }));
const policy = join(import.meta.dirname, "../conftest");

/** Rego over each file, with the rules of `../conftest/policy.rego`. */
export const conftest: Tool = {
  name: "conftest",
  commands: ["conftest test -p bench/comparison/conftest HEAD/*"],
  version: async () => (await part("conftest")).version,
  run: async (change) => {
    const { path } = await part("conftest");
    return staged(change, true, (folder) => {
      const say = (side: Side) => {
        const { cluster, iam } = filesOf(change[side]);
        const args = ["test", "-p", policy, "-o", "json", ...cluster, ...iam];
        const { out } = output(path, args, join(folder, side), [0, 1]);
        return results.parse(JSON.parse(out)).flatMap(({ failures = [] }) => failures.map(({ msg }) => msg));
      };
      return added(say("before"), say("after"));
    });
  },
};
