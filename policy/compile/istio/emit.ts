import { sortedSet } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import { managedLabels, type Owner, type Target } from "../target.ts";
import type { IstioObject } from "./objects.ts";

export const NETWORKING = "networking.istio.io/v1";
export const SECURITY = "security.istio.io/v1";
export const TELEMETRY = "telemetry.istio.io/v1";

/** Wraps an object with its stable key. */
export function emit(
  owner: Owner,
  subject: string,
  causes: Iterable<string>,
  object: IstioObject,
): Target<IstioObject> {
  const { namespace, name } = object.metadata;
  return { key: `${object.kind}/${namespace}/${name}`, owner, subject, causes: sortedSet(causes), object };
}

/** Labels of an object: the policy object's own, and Portreeve's, which win. */
export function labelsOf(
  source: { readonly labels: Readonly<Record<string, string>> } | undefined,
  subject: string,
): Record<string, string> {
  // A workload's id holds a slash, which a label value must not, and may be longer than a label value.
  const labels = { ...source?.labels, ...managedLabels(joinName([subject.replace("/", ".")])) };
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
