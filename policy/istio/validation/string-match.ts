import { at, isSet, type Node, text } from "./node.ts";
import { matchRegexpProblem } from "./regexp.ts";
import type { Report } from "./report.ts";

/** Checks a StringMatch where Envoy refuses an empty prefix. */
export function checkStringMatch(match: Node, report: Report): void {
  const prefix = at(match, "prefix");
  if (isSet(prefix) && text(prefix) === "") report.error(prefix, "must not be empty");
  checkStringMatchRegexp(match, report);
}

/** Checks the regular expression of a StringMatch, if that is what it is. */
export function checkStringMatchRegexp(match: Node, report: Report): void {
  const regex = at(match, "regex");
  if (isSet(regex)) report.check(regex, matchRegexpProblem(text(regex)));
}
