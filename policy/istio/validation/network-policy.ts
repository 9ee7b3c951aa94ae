import { cidrProblem, isNonCanonicalCidr, isStrictlyWithin } from "./cidr.ts";
import { checkKubernetesLabels, checkMetadata, labelValueProblem, qualifiedNameProblem } from "./metadata.ts";
import { NETWORK_POLICY_SCHEMA } from "./network-policy-schema.ts";
import { at, isFields, isSet, items, type Node, num, text, texts } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkSchema } from "./schema.ts";
import { prepare } from "./structural.ts";
import { withZeroValues } from "./zero-values.ts";

const SPEC = NETWORK_POLICY_SCHEMA.properties?.spec ?? {};

/** A NetworkPolicy by the API server's own rules (Kubernetes 1.36). */
export function checkNetworkPolicyObject(
  object: Readonly<Record<string, unknown>>,
  version: string,
  report: Report,
): void {
  if (version !== "v1") {
    report.error({ value: version, path: ["apiVersion"] }, "must be networking.k8s.io/v1");
    return;
  }
  if (Object.hasOwn(object, "status"))
    report.error({ value: object.status, path: ["status"] }, "a NetworkPolicy has no status; remove it");
  const decoded = isFields(object.spec) ? { ...object, spec: withZeroValues(object.spec, SPEC) } : object;
  const prepared = prepare(decoded, NETWORK_POLICY_SCHEMA, report);
  checkMetadata(at(prepared, "metadata"), report);
  checkSchema(prepared, NETWORK_POLICY_SCHEMA, report);
  if (report.failed) return;
  const spec = at(prepared, "spec");
  checkLabelSelector(at(spec, "podSelector"), report);
  for (const [direction, peers] of [
    ["ingress", "from"],
    ["egress", "to"],
  ] as const) {
    for (const rule of items(at(spec, direction))) {
      for (const port of items(at(rule, "ports"))) checkPort(port, report);
      for (const peer of items(at(rule, peers))) checkPeer(peer, report);
    }
  }
  checkPolicyTypes(at(spec, "policyTypes"), report);
}

function checkPolicyTypes(types: Node, report: Report): void {
  if (items(types).length > 2) {
    report.error(types, "may list two types at most");
    return;
  }
  for (const type of items(types)) {
    if (text(type) !== "Ingress" && text(type) !== "Egress")
      report.error(type, `${JSON.stringify(text(type))} must be Ingress or Egress`);
  }
}

function checkPort(entry: Node, report: Report): void {
  const protocol = at(entry, "protocol");
  if (isSet(protocol) && !["TCP", "UDP", "SCTP"].includes(text(protocol))) {
    report.error(protocol, `${JSON.stringify(text(protocol))} must be TCP, UDP or SCTP`);
  }
  const port = at(entry, "port");
  const endPort = at(entry, "endPort");
  if (typeof port.value === "number") {
    report.check(port, portProblem(port.value));
    if (isSet(endPort)) {
      if (num(endPort) < port.value) report.error(endPort, `must not be less than port ${port.value}`);
      report.check(endPort, portProblem(num(endPort)));
    }
    return;
  }
  if (isSet(endPort)) report.error(endPort, "needs a port, as a number");
  if (isSet(port)) report.check(port, portNameProblem(text(port)));
}

function portNameProblem(name: string): string | undefined {
  const good =
    name.length <= 15 &&
    /^[-a-z0-9]+$/.test(name) &&
    /[a-z]/.test(name) &&
    !name.includes("--") &&
    !/^-|-$/.test(name);
  if (good) return undefined;
  if (/^\d+$/.test(name))
    return `${JSON.stringify(name)} is a string; write the port as a number, without quotes`;
  return `${JSON.stringify(name)} is not a port name: at most 15 lower case letters, digits and single hyphens`;
}

function checkPeer(peer: Node, report: Report): void {
  const podSelector = at(peer, "podSelector");
  const namespaceSelector = at(peer, "namespaceSelector");
  const ipBlock = at(peer, "ipBlock");
  checkLabelSelector(podSelector, report);
  checkLabelSelector(namespaceSelector, report);
  if (isSet(ipBlock)) {
    checkIpBlock(ipBlock, report);
    if (isSet(podSelector) || isSet(namespaceSelector))
      report.error(ipBlock, "may not be combined with a selector in one peer");
  } else if (!isSet(podSelector) && !isSet(namespaceSelector)) {
    report.error(peer, "needs a podSelector, a namespaceSelector or an ipBlock");
  }
}

function checkIpBlock(ipBlock: Node, report: Report): void {
  const cidr = at(ipBlock, "cidr");
  if (text(cidr) === "") {
    report.error(cidr, "is required");
    return;
  }
  checkCidr(cidr, report);
  for (const except of items(at(ipBlock, "except"))) {
    checkCidr(except, report);
    if (isStrictlyWithin(text(except), text(cidr)) === false)
      report.error(except, `must be a smaller part of ${text(cidr)}`);
  }
}

function checkCidr(cidr: Node, report: Report): void {
  const problem = cidrProblem(text(cidr));
  report.check(cidr, problem);
  if (problem === undefined && isNonCanonicalCidr(text(cidr)))
    report.warn(cidr, "is not in the canonical form of RFC 5952");
}

/** Checks a label selector with `matchLabels` and `matchExpressions`. */
function checkLabelSelector(selector: Node, report: Report): void {
  checkKubernetesLabels(at(selector, "matchLabels"), report);
  for (const expression of items(at(selector, "matchExpressions"))) {
    const operator = text(at(expression, "operator"));
    const values = at(expression, "values");
    if (operator === "In" || operator === "NotIn") {
      if (texts(values).length === 0) report.error(values, `is required for operator ${operator}`);
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (texts(values).length > 0) report.error(values, `may not be set for operator ${operator}`);
    } else {
      report.error(
        at(expression, "operator"),
        `${JSON.stringify(operator)} must be In, NotIn, Exists or DoesNotExist`,
      );
    }
    report.check(at(expression, "key"), qualifiedNameProblem(text(at(expression, "key"))));
    for (const value of items(values)) report.check(value, labelValueProblem(text(value)));
  }
}
