import type { Finding } from "../policy/finding.ts";
import { checkMesh } from "../policy/istio/consistency/index.ts";
import type { PolicyFile } from "../policy/load/files.ts";
import { parseManifests } from "./io/manifests.ts";

const API_VERSION = /["']?apiVersion["']?\s*:\s*["']?([^\s"',}]+)/g;

/**
 * True for a file of ordinary Kubernetes and Istio objects: it names API versions, and none is Portreeve's. A file without
 * any is left to the policy loader, which says what is wrong with it.
 */
export function isOrdinary({ text }: PolicyFile): boolean {
  const versions = [...text.matchAll(API_VERSION)].map(([, version]) => version ?? "");
  return versions.length > 0 && !versions.some((version) => version.startsWith("portreeve.dev/"));
}

/** What does not fit between the objects of these files, all of them together; see `checkMesh`. */
export function lintMesh(files: readonly PolicyFile[]): Finding[] {
  const manifests = parseManifests(files);
  return [...manifests.findings, ...checkMesh(manifests.objects, (path) => manifests.positionOf(path))];
}
