import {
  attributeProblem,
  ipListProblems,
  pathTemplateProblem,
  portListProblems,
  serviceAccountsProblem,
  trustDomainsProblem,
} from "./authorization-values.ts";
import type { Check } from "./check.ts";
import { at, isSet, items, type Node, text, texts } from "./node.ts";
import type { Report } from "./report.ts";
import { checkPolicyTargets } from "./selector.ts";

/** An AuthorizationPolicy by the rules of Istio's webhook. */
export const checkAuthorizationPolicy: Check = (spec, _meta, report) => {
  checkPolicyTargets(spec, report);
  const action = text(at(spec, "action")) || "ALLOW";
  const rules = items(at(spec, "rules"));
  if (action === "CUSTOM") checkCustom(spec, rules, report);
  else if (isSet(at(spec, "provider")))
    report.error(at(spec, "provider"), `may be set with action CUSTOM only, not ${action}`);
  if ((action === "DENY" || action === "CUSTOM") && rules.length === 0) {
    report.error(
      at(spec, "rules"),
      `${action} without rules never matches; add an empty rule {} to match everything`,
    );
  }
  for (const rule of rules) {
    const reach = checkRule(rule, report);
    if (action === "DENY" && reach === "http-only") {
      report.warn(
        rule,
        "uses HTTP attributes only in a DENY rule, so it denies all traffic to TCP ports; name the ports",
      );
    }
  }
};

/** Source fields that a CUSTOM rule may not use: the decision is somebody else's, who knows no such identity. */
const NOT_IN_CUSTOM = [
  "namespaces",
  "notNamespaces",
  "serviceAccounts",
  "notServiceAccounts",
  "trustDomains",
  "notTrustDomains",
  "principals",
  "notPrincipals",
  "requestPrincipals",
  "notRequestPrincipals",
];
const KEYS_NOT_IN_CUSTOM = new Set([
  "source.namespace",
  "source.serviceAccount",
  "source.trustDomain",
  "source.principal",
]);

function checkCustom(spec: Node, rules: readonly Node[], report: Report): void {
  if (rules.length > 0 && text(at(spec, "provider", "name")) === "") {
    report.error(at(spec, "provider", "name"), "action CUSTOM needs the name of a provider");
  }
  for (const rule of rules) {
    for (const from of items(at(rule, "from"))) {
      for (const field of NOT_IN_CUSTOM) {
        const values = at(from, "source", field);
        if (items(values).length > 0) report.error(values, "is not supported with action CUSTOM");
      }
    }
    for (const when of items(at(rule, "when"))) {
      const key = text(at(when, "key"));
      if (KEYS_NOT_IN_CUSTOM.has(key) || key.startsWith("request.auth.")) {
        report.error(at(when, "key"), `${key} is not supported with action CUSTOM`);
      }
    }
  }
}

const SOURCE_FIELDS = [
  "principals",
  "requestPrincipals",
  "namespaces",
  "serviceAccounts",
  "ipBlocks",
  "remoteIpBlocks",
  "trustDomains",
];
const OPERATION_FIELDS = ["ports", "methods", "paths", "hosts"];
/** Fields that a sidecar can match on a TCP connection, as Istio counts them for its warning. */
const L4_SOURCE_FIELDS = ["principals", "ipBlocks", "namespaces", "remoteIpBlocks", "serviceAccounts"];

/** Checks a rule and says whether all that it matches by is HTTP. */
function checkRule(rule: Node, report: Report): "http-only" | "reaches-tcp" {
  let hasSource = false;
  let hasL4Source = false;
  for (const from of items(at(rule, "from"))) {
    const source = at(from, "source");
    if (!isSet(source)) {
      report.error(source, "must be set");
      continue;
    }
    hasSource = true;
    checkSource(source, report);
    hasL4Source ||= hasAny(source, both(L4_SOURCE_FIELDS));
  }
  let hasOperation = false;
  let hasPorts = false;
  for (const to of items(at(rule, "to"))) {
    const operation = at(to, "operation");
    if (!isSet(operation)) {
      report.error(operation, "must be set");
      continue;
    }
    hasOperation = true;
    checkOperation(operation, report);
    hasPorts ||= hasAny(operation, both(["ports"]));
  }
  for (const condition of items(at(rule, "when"))) checkCondition(condition, report);
  const isHttpOnly = (hasSource && !hasOperation && !hasL4Source) || (hasOperation && !hasPorts);
  return isHttpOnly ? "http-only" : "reaches-tcp";
}

/** Each field and its negation: `principals`, `notPrincipals`. */
function both(fields: readonly string[]): readonly string[] {
  return fields.flatMap((field) => [field, `not${field.charAt(0).toUpperCase()}${field.slice(1)}`]);
}

function hasAny(node: Node, fields: readonly string[]): boolean {
  return fields.some((field) => items(at(node, field)).length > 0);
}

function checkSource(source: Node, report: Report): void {
  if (!hasAny(source, both(SOURCE_FIELDS))) report.error(source, "must not be empty");
  if (hasAny(source, both(["principals", "namespaces"])) && hasAny(source, both(["serviceAccounts"]))) {
    report.error(at(source, "serviceAccounts"), "cannot be combined with principals or namespaces");
  }
  for (const field of both(["ipBlocks", "remoteIpBlocks"])) {
    for (const [index, problem] of ipListProblems(texts(at(source, field))))
      report.error(at(source, field, index), problem);
  }
  for (const field of both(["principals", "requestPrincipals", "namespaces", "ipBlocks", "remoteIpBlocks"])) {
    checkNonEmpty(at(source, field), report);
  }
  for (const field of both(["serviceAccounts"]))
    report.check(at(source, field), serviceAccountsProblem(texts(at(source, field))));
  for (const field of both(["trustDomains"]))
    report.check(at(source, field), trustDomainsProblem(texts(at(source, field))));
}

function checkOperation(operation: Node, report: Report): void {
  if (!hasAny(operation, both(OPERATION_FIELDS))) report.error(operation, "must not be empty");
  for (const field of both(["ports"])) {
    for (const [index, problem] of portListProblems(texts(at(operation, field))))
      report.error(at(operation, field, index), problem);
  }
  for (const field of both(OPERATION_FIELDS)) checkNonEmpty(at(operation, field), report);
  for (const field of both(["paths"])) {
    for (const path of items(at(operation, field))) report.check(path, pathTemplateProblem(text(path)));
  }
}

function checkNonEmpty(values: Node, report: Report): void {
  for (const value of items(values)) if (text(value) === "") report.error(value, "must not be empty");
}

function checkCondition(condition: Node, report: Report): void {
  const key = text(at(condition, "key"));
  if (key === "") {
    report.error(at(condition, "key"), "must not be empty");
    return;
  }
  const values = at(condition, "values");
  const notValues = at(condition, "notValues");
  if (items(values).length === 0 && items(notValues).length === 0) {
    report.error(condition, `needs values or notValues for ${key}`);
    return;
  }
  // Both lists are checked even when one is empty: the key itself may be unknown.
  report.check(
    items(values).length > 0 ? values : at(condition, "key"),
    attributeProblem(key, texts(values)),
  );
  if (items(notValues).length > 0) report.check(notValues, attributeProblem(key, texts(notValues)));
}
