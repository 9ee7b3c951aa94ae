import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { diffSides } from "../../../cli/diff/diff.ts";
import { lintPaths } from "../../../cli/lint.ts";
import { version } from "../../../cli/version.ts";
import { isValidatedKind, validateObject } from "../../../policy/istio/validation/index.ts";
import { type Access, type Change, filesOf } from "../changes.ts";
import { output } from "./stage.ts";
import { added, type Tool } from "./tool.ts";

/** When the comparison is judged: access that ends by the clock must not make it another one tomorrow. */
const NOW = Date.parse("2026-11-21T00:00:00Z");
const options = { now: NOW, expand: false, requireAck: false, trustDomain: "cluster.local" };

/** The same package, with nothing that the others do not get; where there is a policy set, that as well. */
export const portreeve: Tool = {
  name: "Portreeve",
  commands: ["portreeve diff BASE HEAD", "portreeve lint HEAD", "portreeve validate HEAD"],
  version: async () => version(),
  // As commands, like all others, so that the time is that of what a reviewer would run.
  run: async (change) => {
    const main = join(import.meta.dirname, "../../../dist/cli/main.js");
    if (!existsSync(main)) throw new Error("the built command is timed: npm run build");
    const cli = (fine: readonly number[], ...args: string[]) =>
      output(process.execPath, [main, ...args], ".", fine);
    for (const [base, head] of diffed(change)) cli([0, 1], "diff", base, head);
    for (const side of [change.before, change.after]) {
      cli([0, 1], "lint", side);
      cli([0, 1], "validate", ...filesOf(side).cluster.map((file) => join(side, file)));
    }
    return says(change);
  },
};

/** What those commands say, in this process. */
export function says(change: Change): string[] {
  return [
    ...accessBy(change).map(({ change: what, from, to, ports }) => `diff: ${from} ${what} ${to} (${ports})`),
    ...added(lint(change.before), lint(change.after)),
    ...added(validate(change.before), validate(change.after)),
  ];
}

/** The rows of `portreeve diff`; a change of ports that were open before counts by its direction. */
export function accessBy(change: Change): Access[] {
  return diffed(change)
    .flatMap(([base, head]) => diffSides(base, head, options).diff.changes)
    .map(({ change: what, widens, from, to, ports }) => ({
      change: what === "gained" || (what === "changed" && widens) ? "gained" : "lost",
      from,
      to,
      ports,
    }));
}

/** The cluster's objects, and the policy sets where there are: objects are compared with objects. */
function diffed({ before, after }: Change): [string, string][] {
  if (!filesOf(after).policies) return [[before, after]];
  return [
    [join(before, "cluster.yaml"), join(after, "cluster.yaml")],
    [join(before, "portreeve"), join(after, "portreeve")],
  ];
}

function lint(side: string): string[] {
  return lintPaths([side], NOW).findings.map(
    ({ rule, severity, message }) => `lint: ${severity} ${rule} ${withoutPlaces(message, side)}`,
  );
}

function validate(side: string): string[] {
  return filesOf(side)
    .cluster.flatMap((file) => parseAllDocuments(readFileSync(join(side, file), "utf8")))
    .map((document): unknown => document.toJS())
    .filter(isValidatedKind)
    .flatMap((object) => validateObject(object).reasons)
    .map(({ severity, message }) => `validate: ${severity} ${message}`);
}

/** Positions in the text would differ with the folder of the clone, and between before and after. */
function withoutPlaces(message: string, side: string): string {
  return message.replaceAll(side, "").replace(/ \(\/?[\w-]+\.yaml:\d+:\d+\)/g, "");
}
