import { wildcardDomainProblem } from "./host.ts";
import { isDnsLabel } from "./labels.ts";
import { at, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";

/** Checks a destination: host, subset, port. An unset one is let pass. */
export function checkDestination(destination: Node, report: Report): void {
  if (!isSet(destination)) return;
  const host = at(destination, "host");
  const problem =
    text(host) === "*" ? "a destination may not be the wildcard *" : wildcardDomainProblem(text(host));
  report.check(host, problem);
  const subset = at(destination, "subset");
  if (text(subset) !== "" && !isDnsLabel(text(subset)))
    report.error(subset, `${JSON.stringify(text(subset))} is not a DNS label`);
  const port = at(destination, "port");
  if (isSet(port)) report.check(at(port, "number"), portProblem(num(at(port, "number"))));
}

/** Checks the weights of destinations: not negative, and among several not all 0. */
export function checkWeights(routes: Node, report: Report): void {
  let total = 0;
  for (const route of items(routes)) {
    const weight = at(route, "weight");
    if (num(weight) < 0) report.error(weight, "must not be negative");
    // Added in 32 bits, as Istio does.
    total = (total + num(weight)) | 0;
  }
  if (items(routes).length > 1 && total === 0) report.error(routes, "the weights add up to 0");
}
