import type { Labels, Pod } from "../../kubernetes/reach/index.ts";
import type { AccessChange, Risk } from "../change.ts";
import { isProduction, RISKS } from "../risk.ts";
import type { ClusterSide } from "./objects.ts";

/** What a reviewer should know of a change between Kubernetes and Istio objects. */
export function clusterRisks(
  change: Pick<AccessChange, "fromKind" | "from" | "to" | "widens">,
  after: ClusterSide,
  to: readonly { readonly namespace: string; readonly labels: Labels }[],
  exposed = false,
): Risk[] {
  if (!change.widens) return [];
  const found = new Set<Risk>();
  const everyone = change.from === "external:0.0.0.0-255.255.255.255";
  if (change.fromKind === "external") found.add(everyone || exposed ? "internet-facing" : "wider addresses");
  if (to.some(({ namespace, labels }) => inProduction(after, namespace, labels))) found.add("production");
  return RISKS.filter((risk) => found.has(risk));
}

function inProduction({ cluster }: ClusterSide, namespace: string, labels: Pod["labels"]): boolean {
  return isProduction(labels) || isProduction(cluster.namespaces.get(namespace) ?? {});
}
