import { formatPosition, type Position } from "../../policy/finding.ts";
import {
  formatPath,
  isValidatedKind,
  type Validation,
  validateObject,
} from "../../policy/istio/validation/index.ts";
import { EXIT } from "../exit.ts";
import type { Output } from "../io/output.ts";
import { findFiles, type Manifest, readManifests } from "./manifests.ts";

interface Tally {
  valid: number;
  warning: number;
  invalid: number;
  other: number;
  unreadable: number;
}

export const VALIDATE_FORMATS = ["text", "json"] as const;
export type ValidateFormat = (typeof VALIDATE_FORMATS)[number];

/** One thing that is wrong, where it stands. */
interface Told {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly position: Position;
  /** `Kind namespace/name`, and the path in it; absent where the file cannot be parsed. */
  readonly object?: string;
  readonly path?: string;
}

/**
 * Validates every object in these files and folders; each reason is one line `file:line:col: severity: …`, and a
 * summary follows. Objects of kinds without rules here (a Deployment) are counted, and not looked at. As JSON:
 * `{"version":1,"counts":{"valid","warning","invalid","other","unreadable"},"reasons":[{"severity","message","position",
 * "object"?,"path"?}]}`.
 *
 * @returns `EXIT.failed` when a file is not YAML, `EXIT.found` when an object is invalid, else `EXIT.ok`.
 */
export async function validateFiles(
  paths: readonly string[],
  output: Output,
  format: ValidateFormat = "text",
): Promise<number> {
  const tally: Tally = { valid: 0, warning: 0, invalid: 0, other: 0, unreadable: 0 };
  const reasons: Told[] = [];
  const tell = async (told: readonly Told[]): Promise<void> => {
    if (format === "json") reasons.push(...told);
    else await output.write(told.map(line).join(""));
  };
  for (const path of findFiles(paths)) {
    const { manifests, problems } = readManifests(path);
    tally.unreadable += problems.length;
    await tell(problems.map((problem) => ({ ...problem, severity: "error" })));
    for (const manifest of manifests) {
      if (isValidatedKind(manifest.object) || isIstioObject(manifest.object)) {
        const validation = validateObject(manifest.object);
        tally[validation.verdict] += 1;
        await tell(toldOf(manifest, validation));
      } else {
        tally.other += 1;
      }
    }
  }
  await output.write(
    format === "json"
      ? `${JSON.stringify({ version: 1, counts: tally, reasons }, null, 2)}\n`
      : summary(tally),
  );
  await output.flush();
  if (tally.unreadable > 0) return EXIT.failed;
  return tally.invalid > 0 ? EXIT.found : EXIT.ok;
}

/** A kind that Istio does not have, in a group that is Istio's, is a mistake and not somebody else's object. */
function isIstioObject(object: unknown): boolean {
  if (typeof object !== "object" || object === null || !("apiVersion" in object)) return false;
  return /^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(String(object.apiVersion));
}

/** The reasons in the order in which a reader of the file meets them. */
function toldOf({ object, locate }: Manifest, { reasons }: Validation): Told[] {
  const name = nameOf(object);
  return reasons
    .map(({ path, message, severity, onKey }) => ({
      severity,
      message,
      position: locate(path, onKey),
      object: name,
      path: formatPath(path),
    }))
    .sort((a, b) => a.position.line - b.position.line || a.position.col - b.position.col);
}

function line({ severity, message, position, object, path }: Told): string {
  const where = object === undefined ? "" : `${object}: ${path}: `;
  return `${formatPosition(position)}: ${severity}: ${where}${message}\n`;
}

function nameOf(object: unknown): string {
  if (typeof object !== "object" || object === null) return "object";
  const kind = "kind" in object ? String(object.kind) : "object";
  const metadata = "metadata" in object && typeof object.metadata === "object" ? object.metadata : null;
  const name = metadata !== null && "name" in metadata ? String(metadata.name) : "";
  const namespace = metadata !== null && "namespace" in metadata ? `${String(metadata.namespace)}/` : "";
  return name === "" ? kind : `${kind} ${namespace}${name}`;
}

function summary({ valid, warning, invalid, other, unreadable }: Tally): string {
  const parts = [`${valid} valid`, `${warning} with warnings`, `${invalid} invalid`];
  if (other > 0) parts.push(`${other} of other kinds, not looked at`);
  if (unreadable > 0) parts.push(`${unreadable} not valid YAML`);
  return `${valid + warning + invalid + other} objects: ${parts.join(", ")}\n`;
}
