import { type Finding, PolicyError } from "../finding.ts";
import { resolve } from "../model/resolve.ts";
import type { Model } from "../model/types.ts";
import { checkDocument } from "./check.ts";
import { readPolicyFiles } from "./files.ts";
import { type PolicyObject, rawDocument } from "./object.ts";
import type { RawDocument, Sourced } from "./source.ts";
import { parseYaml } from "./yaml.ts";

/** Where policies come from; all of it together is one policy set. */
export interface PolicySources {
  /** Files and folders of YAML or JSON. */
  readonly paths?: readonly string[] | undefined;
  /** YAML text, with the name it goes by in messages. */
  readonly texts?: readonly { readonly name: string; readonly text: string }[] | undefined;
  /** Objects made with the builders, or plain documents. */
  readonly objects?: readonly PolicyObject[] | undefined;
}

/** Documents that are valid by their schema, and everything that is wrong with the others. */
export function loadDocuments(sources: PolicySources): { documents: Sourced[]; findings: Finding[] } {
  const { files, findings } = readPolicyFiles(sources.paths ?? []);
  const raw: RawDocument[] = [];
  for (const { name, text } of [...files, ...(sources.texts ?? [])]) {
    const parsed = parseYaml(text, name);
    findings.push(...parsed.findings);
    if (parsed.documents.length === 0 && parsed.findings.length === 0) {
      findings.push({
        rule: "PR100",
        severity: "error",
        message: "holds no document, only comments or blank lines",
        fix: "write a policy document, or remove the file",
        position: { file: name, line: 1, col: 1 },
      });
    }
    raw.push(...parsed.documents);
  }
  raw.push(...(sources.objects ?? []).map(rawDocument));
  const documents = raw.flatMap((document) => checkDocument(document, findings) ?? []);
  return { documents, findings };
}

/**
 * Loads, checks and resolves a policy set.
 *
 * @throws PolicyError with every problem at once, each with its position. Problems of reference are only looked for
 *   once all documents are well-formed, because a document that was refused would make every mention of it look wrong.
 */
export function loadModel(sources: PolicySources): Model {
  return loadPolicySet(sources).model;
}

/** As {@link loadModel}, with the documents, which know where each of their fields was written. */
export function loadPolicySet(sources: PolicySources): { model: Model; documents: Sourced[] } {
  const { documents, findings } = loadDocuments(sources);
  if (findings.length > 0) throw new PolicyError(findings);
  return { model: resolve(documents), documents };
}

export type { PolicyObject } from "./object.ts";
export type { Path, Sourced } from "./source.ts";
