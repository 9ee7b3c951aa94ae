import { join } from "node:path";
import { part } from "../../../test/toolchain/parts.ts";
import { filesOf } from "../changes.ts";
import { output, type Side, staged } from "./stage.ts";
import { added, type Tool } from "./tool.ts";

/** Checks of each object, and of NetworkPolicies against pods. */
export const kubeScore: Tool = {
  name: "kube-score",
  commands: ["kube-score score -o ci HEAD/*.yaml"],
  version: async () => (await part("kube-score")).version,
  run: async (change) => {
    const { path } = await part("kube-score");
    return staged(change, false, (folder) => {
      const say = (side: Side) =>
        output(path, ["score", "-o", "ci", ...filesOf(change[side]).cluster], join(folder, side), [0, 1])
          .out.split("\n")
          .filter((line) => /^\[(CRITICAL|WARNING)\]/.test(line));
      return added(say("before"), say("after"));
    });
  },
};
