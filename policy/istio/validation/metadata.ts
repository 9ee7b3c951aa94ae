import { byteLength } from "./bytes.ts";
import { at, entries, flag, isFields, isSet, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

const MAX_ANNOTATION_BYTES = 256 * 1024;
const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const DNS_SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const QUALIFIED = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

type Shape = "string" | "integer" | "time" | "strings" | "map" | "list";

const FIELDS: Readonly<Record<string, Shape>> = {
  name: "string",
  generateName: "string",
  namespace: "string",
  selfLink: "string",
  uid: "string",
  resourceVersion: "string",
  generation: "integer",
  creationTimestamp: "time",
  deletionTimestamp: "time",
  deletionGracePeriodSeconds: "integer",
  labels: "map",
  annotations: "map",
  ownerReferences: "list",
  finalizers: "strings",
  managedFields: "list",
};
const OWNER_FIELDS = new Set(["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"]);

/** Checks `metadata` of a namespaced object by the API server's rules. No namespace means `default`, as for kubectl. */
export function checkMetadata(metadata: Node, report: Report): void {
  if (isSet(metadata) && !isFields(metadata.value)) {
    report.error(metadata, "must be an object");
    return;
  }
  if (!hasShape(metadata, report)) return;
  checkNames(metadata, report);
  checkKubernetesLabels(at(metadata, "labels"), report);
  checkAnnotations(at(metadata, "annotations"), report);
  checkOwners(at(metadata, "ownerReferences"), report);
  for (const finalizer of items(at(metadata, "finalizers")))
    report.check(finalizer, qualifiedNameProblem(text(finalizer)));
  const generation = at(metadata, "generation");
  if (typeof generation.value === "number" && generation.value < 0)
    report.error(generation, "must not be negative");
}

function hasShape(metadata: Node, report: Report): boolean {
  let good = true;
  for (const [key, node] of entries(metadata)) {
    const shape = Object.hasOwn(FIELDS, key) ? FIELDS[key] : undefined;
    const problem =
      shape === undefined ? `unknown field ${JSON.stringify(key)}; remove it` : shapeProblem(node, shape);
    if (problem === undefined) continue;
    report.error(node, problem);
    good = false;
  }
  return good;
}

function shapeProblem(node: Node, shape: Shape): string | undefined {
  if (!isSet(node)) return undefined;
  const { value } = node;
  switch (shape) {
    case "string":
      return typeof value === "string" ? undefined : "must be a string";
    case "integer":
      return Number.isInteger(value) ? undefined : "must be an integer";
    case "time":
      return typeof value === "string" && RFC3339.test(value)
        ? undefined
        : "must be a time like 2026-01-31T12:00:00Z";
    case "list":
      return Array.isArray(value) ? undefined : "must be a list";
    case "strings":
      return Array.isArray(value) && value.every((one) => typeof one === "string")
        ? undefined
        : "must be a list of strings";
    case "map": {
      if (!isFields(value)) return "must be an object";
      const wrong = Object.entries(value).find(([, one]) => typeof one !== "string" && one !== null);
      return wrong === undefined
        ? undefined
        : `the value of ${JSON.stringify(wrong[0])} must be a string; put it in quotes`;
    }
  }
}

function checkNames(metadata: Node, report: Report): void {
  const name = at(metadata, "name");
  const generateName = at(metadata, "generateName");
  if (text(generateName) !== "") checkGenerateName(generateName, text(name) === "", report);
  if (text(name) !== "") report.check(name, subdomainProblem(text(name)));
  else if (text(generateName) === "") report.error(name, "is required");
  const namespace = at(metadata, "namespace");
  if (text(namespace) !== "") report.check(namespace, dnsLabelProblem(text(namespace)));
}

const MAX_GENERATED_BASE = 58;

/** A name is made of the first 58 characters and five random ones; a dash may stand before these. */
function checkGenerateName(generateName: Node, isUsed: boolean, report: Report): void {
  const base = text(generateName);
  const masked = base.length > 1 && base.endsWith("-") ? `${base.slice(0, -2)}a` : base;
  const problem = subdomainProblem(masked);
  report.check(generateName, problem);
  if (isUsed && problem === undefined) {
    report.check(generateName, subdomainProblem(`${base.slice(0, MAX_GENERATED_BASE)}00000`));
  }
}

/** Checks labels by Kubernetes' own rules, which are stricter than Istio's. */
export function checkKubernetesLabels(labels: Node, report: Report): void {
  for (const [key, value] of entries(labels)) {
    const problem = qualifiedNameProblem(key);
    if (problem !== undefined) report.errorOnKey(value, problem);
    report.check(value, labelValueProblem(text(value)));
  }
}

/** What is wrong with a label's value by Kubernetes' rules, or undefined. */
export function labelValueProblem(value: string): string | undefined {
  if (value === "") return undefined;
  if (value.length > 63) return `label value ${JSON.stringify(value)} is longer than 63 characters`;
  return QUALIFIED.test(value) ? undefined : `${JSON.stringify(value)} is not a valid label value`;
}

function checkAnnotations(annotations: Node, report: Report): void {
  let size = 0;
  for (const [key, value] of entries(annotations)) {
    report.check(value, qualifiedNameProblem(key.toLowerCase()));
    size += byteLength(key) + byteLength(text(value));
  }
  if (size > MAX_ANNOTATION_BYTES)
    report.error(annotations, `annotations take ${size} bytes; at most ${MAX_ANNOTATION_BYTES} are allowed`);
}

function checkOwners(owners: Node, report: Report): void {
  let controllers = 0;
  for (const owner of items(owners)) {
    if (!isFields(owner.value)) {
      report.error(owner, "must be an object");
      continue;
    }
    for (const [key, node] of entries(owner)) {
      if (!OWNER_FIELDS.has(key)) report.error(node, `unknown field ${JSON.stringify(key)}; remove it`);
    }
    for (const key of ["apiVersion", "kind", "name", "uid"]) {
      if (text(at(owner, key)) === "") report.error(at(owner, key), "must be set");
    }
    if (flag(at(owner, "controller"))) controllers += 1;
  }
  if (controllers > 1) report.error(owners, "only one owner may be the controller");
}

/** What is wrong with a key of a label or annotation, or undefined: `name` or `prefix.example/name`. */
export function qualifiedNameProblem(key: string): string | undefined {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (parts.length > 2 || prefix === "" || (prefix !== undefined && subdomainProblem(prefix) !== undefined)) {
    return `${JSON.stringify(key)} is not a valid key: its prefix must be a DNS subdomain before one /`;
  }
  return name.length <= 63 && QUALIFIED.test(name)
    ? undefined
    : `${JSON.stringify(key)} is not a valid key: at most 63 letters, digits, -, _ and . in it`;
}

/** What is wrong with a DNS subdomain in Kubernetes' sense (lower case), or undefined. */
export function subdomainProblem(value: string): string | undefined {
  if (value.length > 253) return `is ${value.length} characters long; at most 253 are allowed`;
  if (DNS_SUBDOMAIN.test(value)) return undefined;
  return `${JSON.stringify(value)} must be lower case letters, digits, - and ., and begin and end with a letter or digit`;
}

/** What is wrong with a DNS label in Kubernetes' sense (lower case), or undefined. */
export function dnsLabelProblem(value: string): string | undefined {
  if (value.length > 63) return `is ${value.length} characters long; at most 63 are allowed`;
  if (DNS_LABEL.test(value)) return undefined;
  return `${JSON.stringify(value)} must be lower case letters, digits and -, and begin and end with a letter or digit`;
}
