import { buildTable } from "../decide/table.ts";
import { compareText, PolicyError } from "../finding.ts";
import type { Sourced } from "../load/source.ts";
import type { Kind } from "../schema/index.ts";
import { resolveAgent } from "./agent.ts";
import type { ByKind } from "./by-kind.ts";
import { deepFreeze, sortedSet } from "./canonical.ts";
import { digestOfDocuments } from "./digest.ts";
import { resolveGroups } from "./group.ts";
import { spiffeId } from "./names.ts";
import { checkReferences } from "./references.ts";
import { objectId, Report } from "./report.ts";
import { admissionRules, rulesOfGrant, sortRules } from "./rules.ts";
import { resolveService } from "./service.ts";
import type { Agent, Grant, Model, Service, Trust, Waiver, Workload } from "./types.ts";

/**
 * Resolves checked documents into one frozen model.
 *
 * @throws PolicyError with every problem at once: no or several Trusts (PR112), duplicate names (PR110), unknown
 *   references (PR111), group cycles (PR302), grants that cannot be enforced as asked (PR4xx).
 */
export function resolve(documents: readonly Sourced[]): Model {
  const report = new Report();
  const byKind = index(documents, report);
  const trust = theTrust(byKind, report);
  if (!trust) throw new PolicyError(report.findings);

  checkReferences(byKind, trust, report);
  const services = mapValues(byKind.Service, (source) => resolveService(source, trust, report));
  const workloads = mapValues(byKind.Workload, (source) => resolveWorkload(source, trust));
  const groups = resolveGroups(byKind.Group, joinedGroups(workloads), report);
  const agents: ReadonlyMap<string, Agent> = mapValues(byKind.Agent, (source) =>
    resolveAgent(source, workloads, groups),
  );
  const grants = mapValues(byKind.Grant, (source): Grant => plain(source));
  const waivers = mapValues(byKind.Waiver, (source): Waiver => plain(source));
  const { namespace, serviceAccount } = trust.spec.proxy;
  const proxySpiffeId = spiffeId(trust.spec.trustDomain, namespace, serviceAccount);

  const world = { trust, services, workloads, groups, agents, proxySpiffeId };
  const granted = [...byKind.Grant.values()].flatMap((source) => rulesOfGrant(source, world, report));
  if (report.findings.length > 0) throw new PolicyError(report.findings);

  const rules = sortRules([...granted, ...admissionRules(granted, world)]);
  const table = buildTable({
    trustDomain: trust.spec.trustDomain,
    trustDomainAliases: trust.spec.trustDomainAliases,
    services: [...services.values()].map((service) => ({
      name: service.name,
      ports: service.ports.map((port) => port.port),
      strict: !acceptsPlaintext(service),
    })),
    rules,
    agents: [...agents.values()].map((agent) => agent.decision),
  });
  for (const map of [services, workloads, groups, agents, grants, waivers]) map.forEach(deepFreeze);
  return Object.freeze({
    trust: deepFreeze(trust),
    services,
    workloads,
    groups,
    agents,
    grants,
    waivers,
    rules: deepFreeze(rules),
    proxySpiffeId,
    digest: digestOfDocuments(documents),
    table,
  });
}

/** In the mesh, `tls.mode: none` asks that clients without a certificate are let in; lint wants a waiver for it (PR501). */
export function acceptsPlaintext(service: Service): boolean {
  return service.enforcement === "workload" && service.spec.tls.mode === "none";
}

function index(documents: readonly Sourced[], report: Report): ByKind {
  const maps = {
    Trust: new Map(),
    Service: new Map(),
    Workload: new Map(),
    Group: new Map(),
    Agent: new Map(),
    Grant: new Map(),
    Waiver: new Map(),
  } satisfies Record<Kind, Map<string, Sourced>>;
  const sorted = documents
    .map((source) => ({ id: objectId(source), source }))
    .sort((a, b) => compareText(a.id, b.id));
  for (const { id, source } of sorted) {
    const key = id.slice(id.indexOf("/") + 1);
    const map: Map<string, Sourced> = maps[source.document.kind];
    const first = map.get(key);
    if (first) {
      const where = first.position
        ? ` (first at ${first.position.file}:${first.position.line}:${first.position.col})`
        : "";
      report.error(
        "PR110",
        source,
        ["metadata", "name"],
        `${id} is defined twice${where}`,
        "rename or remove one of the two",
      );
    } else map.set(key, source);
  }
  return maps;
}

function theTrust(byKind: ByKind, report: Report): Trust | undefined {
  const [first, ...more] = byKind.Trust.values();
  if (!first) {
    report.findings.push({
      rule: "PR112",
      severity: "error",
      message: "there is no Trust document",
      fix: "add one document of kind Trust with the trust domain and the clusters",
    });
    return undefined;
  }
  for (const other of more) {
    report.error(
      "PR112",
      other,
      [],
      "there is more than one Trust document",
      "keep one: it is the estate's one definition of trust",
    );
  }
  return plain(first);
}

function resolveWorkload(source: Sourced<"Workload">, trust: Trust): Workload {
  const { metadata, spec } = source.document;
  const serviceAccount = spec.serviceAccount ?? metadata.name;
  return {
    ...plain(source),
    id: `${metadata.namespace}/${metadata.name}`,
    namespace: metadata.namespace,
    serviceAccount,
    spiffeId: spiffeId(trust.spec.trustDomain, metadata.namespace, serviceAccount),
    clusters: sortedSet(spec.clusters ?? trust.spec.clusters.map((cluster) => cluster.name)),
  };
}

function joinedGroups(workloads: ReadonlyMap<string, Workload>): Map<string, string[]> {
  const joined = new Map<string, string[]>();
  for (const workload of workloads.values()) {
    for (const group of workload.spec.groups) {
      const members = joined.get(group);
      if (members) members.push(workload.id);
      else joined.set(group, [workload.id]);
    }
  }
  return joined;
}

function plain<K extends Kind>(
  source: Sourced<K>,
): {
  name: string;
  labels: Readonly<Record<string, string>>;
  spec: Sourced<K>["document"]["spec"];
  position: Sourced["position"];
} {
  const { metadata, spec } = source.document;
  return { name: metadata.name, labels: metadata.labels ?? {}, spec, position: source.position };
}

function mapValues<A, B>(map: ReadonlyMap<string, A>, convert: (value: A) => B): Map<string, B> {
  return new Map([...map].map(([key, value]) => [key, convert(value)]));
}
