import { Environment } from "@marcbachmann/cel-js";
import type { CelRule, Schema } from "./crd.ts";
import { parseGoDuration } from "./duration.ts";
import { parseRequestUri } from "./go-url.ts";
import { entries, isFields, items, type Node } from "./node.ts";
import type { Report } from "./report.ts";

/** A URL of Kubernetes' CEL library: only its scheme is asked for in Istio's rules. */
class KubernetesUrl {
  readonly scheme: string;

  constructor(scheme: string) {
    this.scheme = scheme;
  }
}

const environment = new Environment({ unlistedVariablesAreDyn: false })
  .registerVariable("self", "dyn")
  .registerType("kubernetes.URL", { ctor: KubernetesUrl, fields: { scheme: "string" } })
  .registerFunction("isURL(string): bool", (value: string) => parseRequestUri(value) !== undefined)
  .registerFunction("url(string): kubernetes.URL", (value: string) => {
    const url = parseRequestUri(value);
    if (url === undefined) throw new Error(`${JSON.stringify(value)} is not a URL`);
    return new KubernetesUrl(url.scheme);
  })
  .registerFunction({
    name: "getScheme",
    receiverType: "kubernetes.URL",
    returnType: "string",
    handler: (url: KubernetesUrl) => url.scheme,
    params: [],
  });

type Program = (self: unknown) => boolean;

const programs = new Map<string, Program>();

/** Evaluates every `x-kubernetes-validations` rule on the values that the schema holds them for. */
export function checkCel(node: Node, schema: Schema, report: Report): void {
  if (node.value === null || node.value === undefined) return;
  for (const rule of schema["x-kubernetes-validations"] ?? []) checkRule(node, rule, report);
  if (Array.isArray(node.value)) {
    if (schema.items !== undefined) for (const item of items(node)) checkCel(item, schema.items, report);
    return;
  }
  if (!isFields(node.value)) return;
  for (const [key, child] of entries(node)) {
    const known = schema.properties?.[key];
    if (known !== undefined) checkCel(child, known, report);
    else if (typeof schema.additionalProperties === "object")
      checkCel(child, schema.additionalProperties, report);
  }
}

function checkRule(node: Node, rule: CelRule, report: Report): void {
  const reason = rule.message ?? `breaks the rule ${rule.rule}`;
  try {
    if (!compile(rule.rule)(node.value)) report.error(node, `${reason}${found(node.value)}`);
  } catch (cause) {
    // The API server refuses an object whose rule cannot be evaluated (a key that is no number, a missing field).
    const detail = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    report.error(node, `${reason} (${detail})`);
  }
}

/** The value that a rule refuses, where it is one that fits on a line. */
function found(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `; found ${JSON.stringify(value)}` : "";
}

/** Compiles a rule once; exported so that a test can compile every rule of the CRDs. */
export function compile(rule: string): Program {
  const known = programs.get(rule);
  if (known !== undefined) return known;
  const program = special(rule) ?? general(rule);
  programs.set(rule, program);
  return program;
}

function general(rule: string): Program {
  const parsed = environment.parse(rule);
  return (self) => parsed({ self }) === true;
}

/** The commonest rule, on every duration, is answered with Go's own grammar of a duration. */
function special(rule: string): Program | undefined {
  if (rule !== "duration(self) >= duration('1ms')") return undefined;
  return (self) => {
    const duration = typeof self === "string" ? parseGoDuration(self) : undefined;
    if (duration === undefined) throw new Error(`${JSON.stringify(self)} is not a duration`);
    return duration >= 1_000_000n;
  };
}
