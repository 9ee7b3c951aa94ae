import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import type { Log, ReportingDescriptor, Result } from "sarif";
import type { Finding, Severity } from "../../policy/finding.ts";
import { ruleInfo } from "../../policy/lint/index.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  error: "error",
  warning: "warning",
  info: "note",
};

/**
 * Findings as SARIF 2.1.0, for code scanning. Paths are relative as the user named them; a finding without a position has
 * no location, which code scanning shows for the repository as a whole.
 *
 * @param complete - false when the policies could not be read, so that fewer findings do not look like better policies
 */
export function findingsSarif(findings: readonly Finding[], version: string, complete: boolean): string {
  const ids = [...new Set(findings.map(({ rule }) => rule))].sort();
  const log: Log = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "portreeve", semanticVersion: version, rules: ids.map(descriptor) } },
        columnKind: "utf16CodeUnits",
        invocations: [{ executionSuccessful: complete }],
        results: findings.map((finding) => result(finding, ids)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function descriptor(id: string): ReportingDescriptor {
  const rule = ruleInfo.get(id);
  if (!rule) return { id };
  return {
    id,
    name: rule.title,
    shortDescription: { text: rule.title },
    fullDescription: { text: rule.why },
    help: { text: `${rule.why}\n\nFix: ${rule.fix}.` },
    defaultConfiguration: { level: LEVELS[rule.severity] },
  };
}

function result({ rule, severity, message, fix, object, position }: Finding, ids: readonly string[]): Result {
  const logical = object === undefined ? {} : { logicalLocations: [{ fullyQualifiedName: object }] };
  const physical = position && {
    physicalLocation: {
      artifactLocation: { uri: uriOf(position.file) },
      region: { startLine: position.line, startColumn: position.col },
    },
  };
  return {
    ruleId: rule,
    ruleIndex: ids.indexOf(rule),
    level: LEVELS[severity],
    message: { text: fix === undefined ? message : `${message}. Fix: ${fix}.` },
    ...((physical || object !== undefined) && { locations: [{ ...physical, ...logical }] }),
    // Without the line: a finding that only moved is the same finding.
    partialFingerprints: {
      "portreeve/v1": createHash("sha256").update(`${rule} ${object} ${message}`).digest("hex").slice(0, 32),
    },
  };
}

/** A relative path stays one, as code scanning wants it; every part is escaped as a URI's. */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.replaceAll("\\", "/").replace(/^\.\//, "").split("/").map(encodeURIComponent).join("/");
}
