import type { Finding } from "../../finding.ts";
import type { Service } from "../../model/types.ts";
import { findingAt } from "../report.ts";
import type { IstioContext } from "./context.ts";

/**
 * PR451: two services on one port of the same pods. Policies select pods and ports and not services, so the grants of one
 * open the other.
 */
export function sharedPodFindings(context: IstioContext, service: Service): Finding[] {
  const { location } = service.spec;
  if (location.type !== "mesh") return [];
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const { targetPort } of service.ports) {
    for (const other of context.byTargetPort.get(`${location.namespace} ${targetPort}`) ?? []) {
      const there = other.spec.location;
      if (there.type !== "mesh" || other.name >= service.name || told.has(other.name)) continue;
      const overlap = podsOverlap(location.selector, there.selector);
      if (overlap === "no") continue;
      told.add(other.name);
      const select = overlap === "yes" ? "select" : "may select";
      findings.push(
        findingAt(
          "PR451",
          overlap === "yes" ? "error" : "warning",
          { kind: "Service", id: service.name, position: service.position },
          `Service ${service.name} and Service ${other.name} ${select} the same pods of namespace ${location.namespace} on target port ${targetPort}: sidecar and ztunnel judge pods and ports, so a grant to one opens the other; the proxy tells them apart`,
          "make them one Service, or give their pods labels that differ",
        ),
      );
    }
  }
  return findings;
}

type Labels = Readonly<Record<string, string>>;

/** Labels that contradict each other never meet; one set within the other always does; the rest depends on the pods. */
export function podsOverlap(a: Labels, b: Labels): "no" | "yes" | "maybe" {
  if (Object.entries(a).some(([key, value]) => b[key] !== undefined && b[key] !== value)) return "no";
  return holds(a, b) || holds(b, a) ? "yes" : "maybe";
}

function holds(all: Labels, some: Labels): boolean {
  return Object.entries(some).every(([key, value]) => all[key] === value);
}
