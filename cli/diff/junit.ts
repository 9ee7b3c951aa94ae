import { conditionsText } from "../../policy/diff/fold.ts";
import { formatCause } from "../../policy/diff/index.ts";
import { junit } from "../format/junit.ts";
import type { Report } from "./report.ts";
import { portText } from "./text.ts";

/** The report for a CI's test view: each change a case; one that widens access fails, unless it is acknowledged. */
export function diffJunit({ diff, unacknowledged }: Report): string {
  const cases = diff.changes.map((change) => {
    const { from, to, ports, widens, because } = change;
    const failed = unacknowledged === undefined ? widens : unacknowledged.includes(change);
    const text = [`${change.change}${conditionsText(change)}`, ...because.map(formatCause)].join("\n");
    return {
      name: `${from} → ${to}${portText(to, ports)}`,
      className: `access.${change.change}`,
      ...(failed ? { failure: text } : {}),
    };
  });
  const none = [{ name: "no access change", className: "access" }];
  return junit("portreeve diff", cases.length > 0 ? cases : none);
}
