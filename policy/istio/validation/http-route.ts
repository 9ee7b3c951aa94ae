import { checkDestination, checkWeights } from "./destination.ts";
import { checkOptionalDuration } from "./duration.ts";
import { checkGatewayNames } from "./gateway-names.ts";
import { checkHeaderOperations, headerMatchProblem, isAuthorityHeader } from "./headers.ts";
import {
  checkCors,
  checkDirectResponse,
  checkFault,
  checkRedirect,
  checkRetries,
  checkRewrite,
} from "./http-action.ts";
import { checkLabels, isDnsLabel } from "./labels.ts";
import { at, entries, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkStringMatch, checkStringMatchRegexp } from "./string-match.ts";

interface RouteRules {
  /** A VirtualService without hosts: another one delegates to it. */
  readonly isDelegate: boolean;
  /** Made by Istio from a Gateway API route. */
  readonly fromGatewayApi: boolean;
}

/** Checks one HTTP route of a VirtualService. */
export function checkHttpRoute(route: Node, rules: RouteRules, report: Report): void {
  if (!rules.isDelegate && isSet(at(route, "delegate"))) checkRoot(route, report);
  else checkActions(route, rules.isDelegate, report);
  // Istio loses the warnings of matches, faults and destinations.
  const errors = report.errorsOnly();
  for (const match of items(at(route, "match"))) checkMatch(match, errors);
  checkHeaderOperations(at(route, "headers"), report);
  checkCors(at(route, "corsPolicy"), report);
  checkFault(at(route, "fault"), errors);
  checkMirrors(route, report);
  checkRedirect(at(route, "redirect"), items(at(route, "match")), report);
  checkDirectResponse(at(route, "directResponse"), report);
  checkRetries(at(route, "retries"), report);
  checkRewrite(at(route, "rewrite"), report);
  checkAuthority(route, report);
  checkWeights(at(route, "route"), errors);
  for (const destination of items(at(route, "route"))) {
    if (!isSet(at(destination, "destination"))) errors.error(at(destination, "destination"), "is required");
    checkHeaderOperations(at(destination, "headers"), errors);
    if (!rules.fromGatewayApi) checkDestination(at(destination, "destination"), errors);
  }
  checkOptionalDuration(at(route, "timeout"), report);
}

function checkRoot(route: Node, report: Report): void {
  if (isSet(at(route, "redirect"))) report.error(at(route, "redirect"), "may not be set beside delegate");
  if (items(at(route, "route")).length > 0)
    report.error(at(route, "route"), "may not be set beside delegate");
}

function checkActions(route: Node, isDelegate: boolean, report: Report): void {
  const has = (field: string): boolean => isSet(at(route, field));
  const hasRoute = items(at(route, "route")).length > 0;
  if (isDelegate && has("delegate"))
    report.error(at(route, "delegate"), "a delegate may not delegate further");
  const instead = has("redirect") ? "redirect" : has("directResponse") ? "directResponse" : undefined;
  if (instead === undefined) {
    if (!hasRoute) report.error(route, "needs a route, a redirect or a directResponse");
  } else {
    if (hasRoute) report.error(at(route, "route"), `may not be set beside ${instead}`);
    for (const field of ["fault", "rewrite"])
      if (has(field)) report.error(at(route, field), `may not be set beside ${instead}`);
    if (instead === "redirect" && has("directResponse"))
      report.error(at(route, "directResponse"), "may not be set beside redirect");
  }
  if (has("mirror") && items(at(route, "mirrors")).length > 0)
    report.error(at(route, "mirrors"), "may not be set beside mirror");
}

function checkMatch(match: Node, report: Report): void {
  for (const [name, value] of entries(at(match, "headers"))) {
    report.check(value, headerMatchProblem(name));
    checkStringMatch(value, report);
  }
  for (const [name, value] of entries(at(match, "withoutHeaders"))) {
    report.check(value, headerMatchProblem(name));
    // The regular expression * stands for "present".
    if (text(at(value, "regex")) !== "*") checkStringMatch(value, report);
  }
  // Envoy takes an empty prefix for a path, and nowhere else.
  checkStringMatchRegexp(at(match, "uri"), report);
  for (const field of ["scheme", "method", "authority"]) checkStringMatch(at(match, field), report);
  for (const [, value] of entries(at(match, "queryParams"))) checkStringMatch(value, report);
  const port = at(match, "port");
  if (num(port) !== 0) report.check(port, portProblem(num(port)));
  checkLabels(at(match, "sourceLabels"), report);
  checkGatewayNames(at(match, "gateways"), false, report);
  const namespace = at(match, "sourceNamespace");
  if (text(namespace) !== "" && !isDnsLabel(text(namespace)))
    report.error(namespace, `${JSON.stringify(text(namespace))} is not a namespace`);
}

function checkMirrors(route: Node, report: Report): void {
  const camel = at(route, "mirrorPercent");
  const percent = camel.value === undefined ? at(route, "mirror_percent") : camel;
  if (isSet(percent)) {
    if (num(percent) > 100) report.error(percent, "must be 100 at most");
    report.warn(percent, "is deprecated; use mirrorPercentage");
  }
  checkMirrorPercentage(at(route, "mirrorPercentage"), report);
  checkDestination(at(route, "mirror"), report);
  for (const mirror of items(at(route, "mirrors"))) {
    const destination = at(mirror, "destination");
    if (!isSet(destination)) report.error(destination, "is required");
    checkDestination(destination, report);
    checkMirrorPercentage(at(mirror, "percentage"), report);
  }
}

function checkMirrorPercentage(percentage: Node, report: Report): void {
  const value = at(percentage, "value");
  if (num(value) < 0 || num(value) > 100) report.error(value, "must be between 0 and 100");
}

/** The authority may be rewritten once: by `rewrite`, or by one header. */
function checkAuthority(route: Node, report: Report): void {
  let current = text(at(route, "rewrite", "authority"));
  for (const operation of ["set", "add"]) {
    for (const [name, value] of entries(at(route, "headers", "request", operation))) {
      if (!isAuthorityHeader(name)) continue;
      if (current !== "") report.error(value, `the authority is set to ${JSON.stringify(current)} already`);
      current = text(value);
    }
  }
}
