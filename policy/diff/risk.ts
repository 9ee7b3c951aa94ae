import { compareText } from "../finding.ts";
import type { AccessChange, Risk } from "./change.ts";

/** The heaviest first: what a reviewer must look at. */
export const RISKS: readonly Risk[] = [
  "internet-facing",
  "trust",
  "new agent access",
  "new human access",
  "deny removed",
  "wider addresses",
  "destination",
  "production",
];

/** By the labels that say so. */
export function isProduction(labels: Readonly<Record<string, string>>): boolean {
  return ["environment", "env", "app.kubernetes.io/environment"].some((key) =>
    ["production", "prod"].includes((labels[key] ?? "").toLowerCase()),
  );
}

/** Orders changes by what they risk, widening before narrowing, then by name: the order never depends on evaluation. */
export function byRisk(a: AccessChange, b: AccessChange): number {
  return (
    weight(b) - weight(a) ||
    Number(b.widens) - Number(a.widens) ||
    compareText(a.to, b.to) ||
    compareText(a.from, b.from) ||
    compareText(a.ports, b.ports) ||
    compareText(a.change, b.change)
  );
}

/** A change of several risks comes before one of fewer, but never before one of a heavier risk. */
function weight({ risks }: AccessChange): number {
  return risks.reduce((sum, risk) => sum + 2 ** (RISKS.length - RISKS.indexOf(risk)), 0);
}
