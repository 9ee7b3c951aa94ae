import { join } from "node:path";
import { z } from "zod";
import { part } from "../../../test/toolchain/parts.ts";
import { output, type Side, staged } from "./stage.ts";
import { added, type Tool } from "./tool.ts";

const messages = z.array(z.object({ code: z.string(), message: z.string(), origin: z.string() }));

/** Istio's own: what does not fit between objects, and what the webhook would say of each. */
export const istioctl: Tool = {
  name: "istioctl",
  commands: ["istioctl analyze --use-kube=false -A HEAD", "istioctl validate -f HEAD"],
  version: async () => (await part("istioctl")).version,
  run: async (change) => {
    const { path } = await part("istioctl");
    return staged(change, false, (folder) => {
      const say = (side: Side) => [
        ...analyze(path, join(folder, side)),
        ...validate(path, join(folder, side)),
      ];
      return added(say("before"), say("after"));
    });
  },
};

function analyze(path: string, folder: string): string[] {
  const args = ["analyze", "--use-kube=false", "-A", "-o", "json", "."];
  // 79: it found something.
  const { out } = output(path, args, folder, [0, 79]);
  return messages.parse(JSON.parse(out)).map(({ code, message, origin }) => `${code} ${origin}: ${message}`);
}

function validate(path: string, folder: string): string[] {
  const { out, err } = output(path, ["validate", "-f", "."], folder, [0, 1]);
  return `${out}\n${err}`
    .split("\n")
    .filter((line) => line.trim() !== "" && !/is valid$|may not provide Istio metrics/.test(line));
}
