import { API_VERSION } from "../schema/index.ts";
import type { Imported } from "./job.ts";
import type { ImportedDocument, ImportOptions, NoEqual } from "./types.ts";

/** Waivers of what today breaks a guardrail and is imported as it is; what would need one and gets none is listed. */
export function waiversFor(
  imported: readonly Imported[],
  options: ImportOptions,
  noEqual: NoEqual[],
): ImportedDocument[] {
  const plaintext = imported.filter((each) => each.plaintext).map(({ name }) => `Service/${name}`);
  const wide = imported
    .flatMap(({ grants }) => grants)
    .flatMap(({ document }) =>
      document.kind === "Grant" &&
      document.spec.action !== "deny" &&
      (document.spec.from.cidrs ?? []).some(isTooWide)
        ? [`Grant/${document.metadata.name}`]
        : [],
    );
  if (options.waiver === undefined) {
    for (const subject of wide)
      noEqual.push({
        subject,
        message:
          "its address block is wider than PR222 allows without a Waiver, which names an owner: say --waiver-owner to have one written",
      });
    return [];
  }
  const { owner, expires } = options.waiver;
  const make = (name: string, rule: string, scope: string[], reason: string): ImportedDocument[] =>
    scope.length === 0
      ? []
      : [
          {
            document: {
              apiVersion: API_VERSION,
              kind: "Waiver",
              metadata: { name },
              spec: { rule, scope, owner, reason, expires },
            },
            comments: ["accepted as found; decide until it ends whether it stays"],
          },
        ];
  return [
    ...make("imported-plaintext", "PR501", plaintext, "accepted plaintext when it was imported"),
    ...make("imported-wide-blocks", "PR222", wide, "was as wide when it was imported"),
  ];
}

/** As the guardrail PR222 draws the line: wider than any private network. */
function isTooWide(cidr: string): boolean {
  return Number(cidr.slice(cidr.indexOf("/") + 1)) < (cidr.includes(":") ? 32 : 8);
}
