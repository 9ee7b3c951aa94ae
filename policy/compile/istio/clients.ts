import { sortedSet } from "../../model/canonical.ts";
import type { Model, Rule, Service, Workload } from "../../model/types.ts";

/** Who connects to a service from this cluster, as far as grants name them by identity. */
export interface Clients {
  /** Ids of workloads, sorted. */
  readonly workloads: readonly string[];
  /** Namespaces that at least one client is in, sorted. */
  readonly namespaces: readonly string[];
  /** Grants that allow from addresses only, so nobody can say which namespace needs the routing. */
  readonly addressOnly: readonly Rule[];
}

export const NO_CLIENTS: Clients = { workloads: [], namespaces: [], addressOnly: [] };

/** Reads the allow rules of every service: both what workloads reach directly and what they reach through the proxy. */
export function clientsByService(
  model: Model,
  services: ReadonlyMap<string, Service>,
  workloads: ReadonlyMap<string, Workload>,
): ReadonlyMap<string, Clients> {
  const bySpiffe = new Map([...workloads.values()].map((workload) => [workload.spiffeId, workload]));
  const byNamespace = Map.groupBy(workloads.values(), (workload) => workload.namespace);
  const found = new Map<string, { workloads: Set<string>; namespaces: Set<string>; addressOnly: Rule[] }>();
  for (const rule of model.rules) {
    if (rule.action !== "allow" || rule.source === "admission" || !services.has(rule.service)) continue;
    const entry = found.get(rule.service) ?? { workloads: new Set(), namespaces: new Set(), addressOnly: [] };
    found.set(rule.service, entry);
    const ids = [...rule.subjects.workloads, ...agentWorkloads(model, rule)];
    for (const id of ids) {
      const workload = bySpiffe.get(id);
      if (!workload) continue;
      entry.workloads.add(workload.id);
      entry.namespaces.add(workload.namespace);
    }
    for (const { namespace } of rule.subjects.namespaces) {
      entry.namespaces.add(namespace);
      for (const workload of byNamespace.get(namespace) ?? []) entry.workloads.add(workload.id);
    }
    if (rule.subjects.cidrs.length > 0 && ids.length === 0 && rule.subjects.namespaces.length === 0) {
      entry.addressOnly.push(rule);
    }
  }
  return new Map(
    [...found].map(([service, entry]) => [
      service,
      {
        workloads: sortedSet(entry.workloads),
        namespaces: sortedSet(entry.namespaces),
        addressOnly: entry.addressOnly,
      },
    ]),
  );
}

/** An agent that runs as a workload connects from that workload's pods. */
function agentWorkloads(model: Model, rule: Rule): string[] {
  return rule.subjects.agents.flatMap((name) => model.agents.get(name)?.decision.workloads ?? []);
}
