import { entries, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

const LABEL = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?";
const NAME = "(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const WILDCARD_LABEL = new RegExp(`^(?:\\*|(?:\\*|\\*-)?${LABEL})$`);
const LABEL_KEY = new RegExp(`^(${LABEL}(?:\\.${LABEL})*/)?(${NAME})$`);
const LABEL_VALUE = new RegExp(`^(?:${NAME})?$`);

/** A DNS label (RFC 1123) as Istio reads it: upper case is allowed. */
export function isDnsLabel(value: string): boolean {
  return value.length <= 63 && DNS_LABEL.test(value);
}

/** A DNS label, or `*`, or one that begins with `*` or `*-`. */
export function isWildcardDnsLabel(value: string): boolean {
  return value.length <= 63 && WILDCARD_LABEL.test(value);
}

/** Checks a map of labels as Istio does; Istio sets no limit to the length of a value. */
export function checkLabels(labels: Node, report: Report): void {
  for (const [key, value] of entries(labels)) {
    const match = LABEL_KEY.exec(key);
    if (match === null || (match[1] ?? "").length > 254 || (match[2] ?? "").length > 63) {
      report.errorOnKey(value, `${JSON.stringify(key)} is not a valid label key`);
    }
    if (!LABEL_VALUE.test(text(value)))
      report.error(value, `${JSON.stringify(text(value))} is not a valid label value`);
  }
}
