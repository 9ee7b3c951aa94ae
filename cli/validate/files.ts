import { formatPosition } from "../../policy/finding.ts";
import {
  formatPath,
  isValidatedKind,
  type Validation,
  validateObject,
} from "../../policy/istio/validation/index.ts";
import { EXIT } from "../exit.ts";
import type { Output } from "../reach/output.ts";
import { findFiles, type Manifest, readManifests } from "./manifests.ts";

interface Tally {
  valid: number;
  warning: number;
  invalid: number;
  other: number;
  unreadable: number;
}

/**
 * Validates every object in these files and folders; each reason is one line `file:line:col: severity: …`, and a
 * summary follows. Objects of kinds without rules here (a Deployment) are counted, and not looked at.
 *
 * @returns `EXIT.failed` when a file is not YAML, `EXIT.found` when an object is invalid, else `EXIT.ok`.
 */
export async function validateFiles(paths: readonly string[], output: Output): Promise<number> {
  const tally: Tally = { valid: 0, warning: 0, invalid: 0, other: 0, unreadable: 0 };
  for (const path of findFiles(paths)) {
    const { manifests, problems } = readManifests(path);
    for (const { position, message } of problems) {
      tally.unreadable += 1;
      await output.write(`${formatPosition(position)}: error: ${message}\n`);
    }
    for (const manifest of manifests) {
      if (isValidatedKind(manifest.object) || isIstioObject(manifest.object)) {
        const validation = validateObject(manifest.object);
        tally[validation.verdict] += 1;
        await output.write(formatValidation(manifest, validation));
      } else {
        tally.other += 1;
      }
    }
  }
  await output.write(summary(tally));
  await output.flush();
  if (tally.unreadable > 0) return EXIT.failed;
  return tally.invalid > 0 ? EXIT.found : EXIT.ok;
}

/** A kind that Istio does not have, in a group that is Istio's, is a mistake and not somebody else's object. */
function isIstioObject(object: unknown): boolean {
  if (typeof object !== "object" || object === null || !("apiVersion" in object)) return false;
  return /^(?:networking|security|telemetry|extensions)\.istio\.io\//.test(String(object.apiVersion));
}

/** The reasons as lines, in the order in which a reader of the file meets them. */
function formatValidation({ object, locate }: Manifest, { reasons }: Validation): string {
  const located = reasons.map((reason) => ({ ...reason, position: locate(reason.path, reason.onKey) }));
  located.sort((a, b) => a.position.line - b.position.line || a.position.col - b.position.col);
  const name = nameOf(object);
  return located
    .map(
      ({ path, message, severity, position }) =>
        `${formatPosition(position)}: ${severity}: ${name}: ${formatPath(path)}: ${message}\n`,
    )
    .join("");
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
