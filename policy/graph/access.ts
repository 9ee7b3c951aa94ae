import type { AccessRow } from "../model/types.ts";
import type { Access } from "../reach/index.ts";
import { formatPorts } from "../sets/ports.ts";
import { type Graph, graphOf, type Link } from "./graph.ts";
import { clusterNode, fromNode, serviceNode } from "./nodes.ts";

/** Who may reach what by an access table: one edge for each pair. A deny is a detail of its pair, and no edge alone. */
export function graphOfAccess(title: string, rows: readonly AccessRow[]): Graph {
  return graphOf(title, accessLinks(rows));
}

/** The edges of an access table, all unchanged. */
export function accessLinks(rows: readonly AccessRow[]): Link[] {
  const pairs = Map.groupBy(rows, ({ from, fromKind, service }) => JSON.stringify([from, fromKind, service]));
  return [...pairs.values()].flatMap((group): Link[] => {
    const allowed = group.filter(({ action }) => action === "allow");
    const [first] = allowed;
    if (first === undefined) return [];
    const ports = [...new Set(allowed.map(({ port }) => port))].sort((a, b) => a - b);
    return [
      {
        from: fromNode(first.from, first.fromKind),
        to: serviceNode(first.service),
        state: "same",
        label: ports.join(","),
        details: [...new Set(group.map(detail))],
      },
    ];
  });
}

function detail({ action, port, point, conditions, grant, position }: AccessRow): string {
  const where = position ? ` (${position.file}:${position.line})` : "";
  return `${[`${port} ${action === "allow" ? "allowed" : "denied"} by ${point}`, ...conditions].join(", ")}: Grant/${grant}${where}`;
}

/** Who can reach what between Kubernetes and Istio objects. */
export function graphOfReach(title: string, rows: readonly Access[]): Graph {
  return graphOf(title, reachLinks(rows));
}

/** The edges of such an answer, all unchanged. */
export function reachLinks(rows: readonly Access[]): Link[] {
  return rows.map(({ src, dst, ports, restrictedBy, dependsOnAddress }) => ({
    from: clusterNode(src, "from"),
    to: clusterNode(dst, "to"),
    state: "same",
    label: `${formatPorts(ports)}${dependsOnAddress ? " from some addresses" : ""}`,
    details: restrictedBy.length > 0 ? [`restricted by ${restrictedBy.join(", ")}`] : ["not restricted"],
  }));
}
