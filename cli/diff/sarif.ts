import { conditionsText } from "../../policy/diff/fold.ts";
import type { AccessChange } from "../../policy/diff/index.ts";
import { VERBS } from "../../policy/diff/tables.ts";
import type { Finding } from "../../policy/finding.ts";
import { findingsSarif } from "../format/findings-sarif.ts";
import { version } from "../version.ts";
import type { Report } from "./report.ts";
import { portText } from "./text.ts";

/** The report for code scanning: each change at the line that causes it; a widening is a warning, other changes notes. */
export function diffSarif({ diff }: Report): string {
  return findingsSarif(diff.changes.map(findingOf), version(), true);
}

function findingOf(change: AccessChange): Finding {
  const { from, to, ports, widens, because, risks } = change;
  const cause = because.find(({ position }) => position !== undefined);
  const risk = risks.length === 0 ? "" : ` [${risks.join(", ")}]`;
  return {
    rule: `access-${change.change}`,
    severity: widens ? "warning" : "info",
    message: `${from} ${VERBS[change.change]} ${to}${portText(to, ports)}${conditionsText(change)}${risk}`,
    ...(cause && { object: cause.object }),
    ...(cause?.position && { position: cause.position }),
  };
}
