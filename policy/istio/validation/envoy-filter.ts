import { byteLength } from "./bytes.ts";
import type { Check } from "./check.ts";
import { at, isSet, items, type Node, text } from "./node.ts";
import { regexpProblem } from "./regexp.ts";
import type { Report } from "./report.ts";
import { checkSelectorLabels } from "./selector.ts";

/**
 * An EnvoyFilter by the rules of Istio's webhook, except for one: the patch itself is Envoy's configuration, which
 * istiod decodes with Envoy's protobuf types, and this does not. A patch that Envoy does not know is not found.
 */
export const checkEnvoyFilter: Check = (spec, _meta, report) => {
  report.warn(
    spec,
    "an EnvoyFilter patches Envoy's own configuration, which may change at any time; prefer another API",
  );
  const selector = at(spec, "workloadSelector");
  checkSelectorLabels(selector, at(selector, "labels"), report);
  for (const patch of items(at(spec, "configPatches"))) checkPatch(patch, report);
};

const LISTENER_CLASS = new Set(["LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER"]);
const ROUTE_CLASS = new Set(["ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"]);
const MATCHES = ["listener", "routeConfiguration", "cluster", "waypoint"];

function checkPatch(entry: Node, report: Report): void {
  const match = at(entry, "match");
  if (text(at(match, "context")) === "WAYPOINT") return;
  const applyTo = text(at(entry, "applyTo")) || "INVALID";
  const patch = at(entry, "patch");
  const operation = text(at(patch, "operation")) || "INVALID";
  if (applyTo === "INVALID") report.error(at(entry, "applyTo"), "is required");
  else if (!isSet(patch)) report.error(patch, "is required");
  else if (operation === "INVALID") report.error(at(patch, "operation"), "is required");
  else if (operation !== "REMOVE" && !isSet(at(patch, "value")))
    report.error(at(patch, "value"), `is required for operation ${operation}`);
  else {
    checkProxyVersion(at(match, "proxy", "proxyVersion"), report);
    checkMatch(match, applyTo, report);
  }
}

function checkProxyVersion(version: Node, report: Report): void {
  if (text(version) === "") return;
  if (byteLength(text(version)) > 1024) report.warn(version, "is longer than 1024 characters and ignored");
  else report.check(version, regexpProblem(text(version)));
}

function checkMatch(match: Node, applyTo: string, report: Report): void {
  const used = MATCHES.find((field) => isSet(at(match, field)));
  if (LISTENER_CLASS.has(applyTo)) {
    if (used !== undefined && used !== "listener")
      report.error(at(match, used), `applyTo ${applyTo} needs a listener match`);
    else checkFilter(at(match, "listener", "filterChain", "filter"), applyTo, report);
  } else if (ROUTE_CLASS.has(applyTo)) {
    if (used !== undefined && used !== "routeConfiguration")
      report.error(at(match, used), `applyTo ${applyTo} needs a routeConfiguration match`);
  } else if (applyTo === "CLUSTER" && used !== undefined && used !== "cluster") {
    report.error(at(match, used), "applyTo CLUSTER needs a cluster match");
  }
}

function checkFilter(filter: Node, applyTo: string, report: Report): void {
  if (!isSet(filter)) return;
  if (applyTo === "LISTENER" || applyTo === "FILTER_CHAIN")
    report.warn(filter, `has no effect with applyTo ${applyTo}`);
  const name = text(at(filter, "name"));
  const sub = at(filter, "subFilter");
  if (name === "") {
    report.error(at(filter, "name"), "is required");
    return;
  }
  if (isSet(sub)) {
    const isManager =
      name === "envoy.filters.network.http_connection_manager" || name === "envoy.http_connection_manager";
    if (applyTo !== "HTTP_FILTER") report.error(sub, "may be set with applyTo HTTP_FILTER only");
    else if (!isManager)
      report.error(
        at(filter, "name"),
        "must be envoy.filters.network.http_connection_manager for a subFilter",
      );
    else if (text(at(sub, "name")) === "") report.error(at(sub, "name"), "is required");
  }
}
