import { stringify } from "yaml";
import type { ImportedDocument } from "../../policy/import/index.ts";
import type { Kind } from "../../policy/schema/index.ts";

/** One file a kind, in the order in which one reads them. */
const FILES: readonly { readonly name: string; readonly kinds: readonly Kind[] }[] = [
  { name: "trust.yaml", kinds: ["Trust"] },
  { name: "services.yaml", kinds: ["Service"] },
  { name: "workloads.yaml", kinds: ["Workload"] },
  { name: "grants.yaml", kinds: ["Grant"] },
  { name: "waivers.yaml", kinds: ["Waiver"] },
];

/** The documents as YAML text by file name; above each, what it came from. Kinds without a document have no file. */
export function documentFiles(documents: readonly ImportedDocument[]): ReadonlyMap<string, string> {
  const files = FILES.map(({ name, kinds }) => {
    const own = documents.filter(({ document }) => kinds.includes(document.kind));
    return [name, own.map(documentText).join("---\n")] as const;
  });
  return new Map(files.filter(([, text]) => text !== ""));
}

function documentText({ document, comments }: ImportedDocument): string {
  const above = comments.map((line) => `# ${line.replaceAll(/[\r\n]+/g, " ")}\n`).join("");
  return above + stringify(document, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
}
