import type { Finding } from "../finding.ts";
import { API_VERSION, type Document, KINDS, type Kind, schemas } from "../schema/index.ts";
import { issueFindings, pathText } from "./issue.ts";
import { show } from "./show.ts";
import type { Path, RawDocument, Sourced } from "./source.ts";
import { didYouMean } from "./suggest.ts";

function isKind(text: unknown): text is Kind {
  return KINDS.some((kind) => kind === text);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * zod words a wrong type by the value's `constructor.name`, which a document may set to something that has no text; the
 * finding is worded from the value here anyway.
 */
const wrongType = (issue: { readonly code?: string }): string | undefined =>
  issue.code === "invalid_type" ? "has the wrong type" : undefined;

/** Checks one raw document against the schema of its kind; problems are added to `findings`. */
export function checkDocument(raw: RawDocument, findings: Finding[]): Sourced | undefined {
  const { value } = raw;
  const error = (rule: string, message: string, fix: string, path: Path, at: "key" | "value" = "value") => {
    const position = raw.locate(path, at);
    findings.push({ rule, severity: "error", message, fix, ...(position && { position }) });
  };
  if (!isRecord(value)) {
    error(
      "PR102",
      "a policy document is a mapping with apiVersion, kind, metadata and spec",
      "see docs/reference",
      [],
    );
    return undefined;
  }
  if (!isKind(value.kind)) {
    const missing = value.kind === undefined;
    const hint = typeof value.kind === "string" ? didYouMean(value.kind, KINDS) : "";
    const message = missing ? "`kind` is missing" : `unknown kind ${show(value.kind)}${hint}`;
    error("PR103", message, `use one of ${KINDS.join(", ")}`, missing ? [] : ["kind"]);
    return undefined;
  }
  if (value.apiVersion !== API_VERSION) {
    const message =
      value.apiVersion === undefined
        ? "`apiVersion` is missing"
        : `unknown apiVersion ${show(value.apiVersion)}`;
    error("PR103", message, `write apiVersion: ${API_VERSION}`, ["apiVersion"]);
    return undefined;
  }
  const kind = value.kind;
  const result = schemas[kind].safeParse(value, { error: wrongType });
  if (!result.success) {
    const object = `${kind}/${documentName(value)}`;
    for (const issue of result.error.issues) {
      for (const finding of issueFindings(issue, kind, raw)) findings.push({ ...finding, object });
    }
    return undefined;
  }
  const broken = brokenText(result.data);
  if (broken) {
    error(
      "PR107",
      `\`${pathText(broken)}\` holds half of a surrogate pair, which is no character`,
      "correct the \\u escape",
      broken,
    );
    return undefined;
  }
  const position = raw.position;
  return { document: result.data as Document, position, locate: (path) => raw.locate(path) };
}

/** What the object calls itself, for messages about an object that is not valid yet. */
function documentName(value: Record<string, unknown>): string {
  const metadata = value.metadata;
  if (!isRecord(metadata) || typeof metadata.name !== "string") return "?";
  return typeof metadata.namespace === "string" ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

/** Path of the first text that is not well-formed Unicode. Such text changes when it is written out as UTF-8. */
function brokenText(value: unknown): Path | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : [];
  if (typeof value !== "object" || value === null) return undefined;
  const list = Array.isArray(value);
  for (const [key, item] of Object.entries(value)) {
    const inner = key.isWellFormed() ? brokenText(item) : [];
    if (inner) return [list ? Number(key) : key, ...inner];
  }
  return undefined;
}
