import { canonicalJson, sortedSet } from "../../model/canonical.ts";
import type { Cluster, Model, Rule, Service, Workload } from "../../model/types.ts";
import { type AddressPlan, planAddresses } from "../../plan/addresses.ts";
import { planListenerPorts } from "../../plan/listener-ports.ts";
import type { CompileInput } from "../target.ts";
import { type Clients, clientsByService } from "./clients.ts";

/** What every file of this compiler reads; derived once for a model and cluster. */
export interface IstioContext {
  readonly model: Model;
  readonly cluster: Cluster;
  readonly grouping: "service" | "grant";
  /** Services of the cluster, by name. */
  readonly services: ReadonlyMap<string, Service>;
  /** Workloads of the cluster, by id. */
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly plan: AddressPlan;
  readonly listenerPorts: ReadonlyMap<string, number>;
  /** Who connects to a service, by its name. */
  readonly clients: ReadonlyMap<string, Clients>;
  /** Services that a workload reaches, by the workload's id. */
  readonly reached: ReadonlyMap<string, readonly Service[]>;
  /** Every rule, by service. */
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** The rules that the mesh enforces, by service. */
  readonly meshRules: ReadonlyMap<string, readonly Rule[]>;
  /** Services in the mesh by namespace and target port, `shop 5432`: those that could be on the same pods. */
  readonly byTargetPort: ReadonlyMap<string, readonly Service[]>;
  /** Workloads with a selector, by {@link selectorKey}. */
  readonly bySelector: ReadonlyMap<string, readonly Workload[]>;
  /** The trust domain, then its aliases. */
  readonly trustDomains: readonly string[];
  readonly proxyNamespace: string;
}

type Derived = Omit<IstioContext, "grouping">;
const known = new WeakMap<Model, Map<string, Derived>>();

/**
 * The context of a compilation. Kept for as long as the model lives, because components compile one object at a time and
 * the whole set would otherwise be planned once for each of them.
 */
export function istioContext(input: CompileInput): IstioContext {
  const { model, cluster } = input;
  const byCluster = known.get(model) ?? new Map<string, Derived>();
  known.set(model, byCluster);
  const found = byCluster.get(cluster.name);
  const derived = found?.cluster === cluster ? found : derive(model, cluster);
  byCluster.set(cluster.name, derived);
  return { ...derived, grouping: input.grouping ?? "service" };
}

function derive(model: Model, cluster: Cluster): Derived {
  const services = here(model.services, cluster);
  const workloads = here(model.workloads, cluster);
  const rules = Map.groupBy(
    model.rules.filter((rule) => services.has(rule.service)),
    (rule) => rule.service,
  );
  const clients = clientsByService(model, services, workloads);
  return {
    model,
    cluster,
    services,
    workloads,
    plan: planAddresses(model, cluster),
    listenerPorts: planListenerPorts(model),
    clients,
    reached: reachedBy(services, clients),
    rules,
    meshRules: new Map(
      [...rules].map(([service, some]) => [service, some.filter((rule) => rule.via.includes("mesh"))]),
    ),
    byTargetPort: byTargetPort(services),
    bySelector: Map.groupBy(
      [...workloads.values()].filter((workload) => workload.spec.selector),
      selectorKey,
    ),
    trustDomains: [model.trust.spec.trustDomain, ...[...model.trust.spec.trustDomainAliases].sort()],
    proxyNamespace: model.trust.spec.proxy.namespace,
  };
}

function reachedBy(
  services: ReadonlyMap<string, Service>,
  clients: ReadonlyMap<string, Clients>,
): ReadonlyMap<string, readonly Service[]> {
  const reached = new Map<string, Service[]>();
  for (const service of services.values()) {
    for (const id of clients.get(service.name)?.workloads ?? []) {
      const list = reached.get(id);
      if (list) list.push(service);
      else reached.set(id, [service]);
    }
  }
  return reached;
}

/** The same for workloads that select the same pods. */
export function selectorKey(workload: Workload): string {
  return `${workload.namespace} ${canonicalJson(workload.spec.selector)}`;
}

function byTargetPort(services: ReadonlyMap<string, Service>): ReadonlyMap<string, readonly Service[]> {
  const entries = [...services.values()].flatMap((service) => {
    const { location } = service.spec;
    if (location.type !== "mesh") return [];
    const ports = sortedSet(service.ports.map(({ targetPort }) => targetPort));
    return ports.map((port) => ({ key: `${location.namespace} ${port}`, service }));
  });
  return new Map(
    [...Map.groupBy(entries, ({ key }) => key)].map(([key, some]) => [
      key,
      some.map(({ service }) => service),
    ]),
  );
}

function here<T extends { readonly clusters: readonly string[] }>(
  all: ReadonlyMap<string, T>,
  cluster: Cluster,
): ReadonlyMap<string, T> {
  return new Map([...all].filter(([, item]) => item.clusters.includes(cluster.name)));
}
