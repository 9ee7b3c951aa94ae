import { canonicalJson } from "../../model/canonical.ts";
import type { AccessRow, Model, Service, Workload } from "../../model/types.ts";
import type { AccessChange, Cause, Risk } from "../change.ts";
import { isProduction } from "../risk.ts";
import type { ObjectChanges } from "./objects.ts";
import { providerChanges } from "./providers.ts";
import type { AccessSide, IndexedSide } from "./side.ts";

/**
 * Gives workloads names by their identity, namespace and service account: one that was only renamed keeps one name, and
 * one that changed its service account is another party, as the old account may still be there.
 */
export function serviceAccounts(
  before: AccessSide,
  after: AccessSide,
): [{ readonly before: AccessSide; readonly after: AccessSide }, string[]] {
  const [old, now] = [before.model, after.model];
  if (!old || !now) return [{ before, after }, []];
  const accountOf = ({ namespace, serviceAccount }: Workload): string => `${namespace}/${serviceAccount}`;
  // What HEAD calls an identity; where it knows none, what BASE does.
  const names = new Map<string, string>();
  for (const workload of [...old.workloads.values(), ...now.workloads.values()].toReversed()) {
    const account = accountOf(workload);
    if (!names.has(account)) names.set(account, workload.id);
  }
  const moved = [...now.workloads.values()].filter((workload) => {
    const known = old.workloads.get(workload.id);
    return known !== undefined && known.serviceAccount !== workload.serviceAccount;
  });
  const ambiguous = new Set(moved.map(({ id }) => id));
  const nameIn = (model: Model, id: string): string => {
    const workload = model.workloads.get(id);
    const name = (workload && names.get(accountOf(workload))) ?? id;
    return workload && ambiguous.has(name) ? `${name}${ACCOUNT}${workload.serviceAccount})` : name;
  };
  const renamed = (side: AccessSide, model: Model): AccessSide => ({
    ...side,
    rows: side.rows.map((row): AccessRow => {
      const from = row.fromKind === "workload" ? nameIn(model, row.from) : row.from;
      return from === row.from ? row : { ...row, from };
    }),
  });
  const notes = moved.map(({ id }) => `Workload/${id} runs as another service account: another identity`);
  return [{ before: renamed(before, old), after: renamed(after, now) }, notes];
}

const ACCOUNT = " (service account ";

/** The id of the workload that {@link serviceAccounts} named so. */
export function workloadIdOf(name: string): string {
  return name.split(ACCOUNT)[0] ?? name;
}

/** What a service's name stands for: who may reach it, may now reach something else. */
const DESTINATION = {
  hosts: (service: Service) => service.hosts,
  ports: (service: Service) => service.ports.map(({ port, targetPort }) => [port, targetPort]),
  location: (service: Service) => service.spec.location,
  resolution: (service: Service) => service.spec.resolution,
  endpoints: (service: Service) => service.spec.endpoints,
} as const;

/** Services that lead somewhere else than before, while somebody may reach them. */
export function destinationChanges(
  old: IndexedSide,
  now: IndexedSide,
  objects: ObjectChanges,
): AccessChange[] {
  const found: AccessChange[] = [];
  for (const [name, service] of now.side.model?.services ?? []) {
    const known = old.side.model?.services.get(name);
    const cause = objects.of(`Service/${name}`);
    if (!known || !cause) continue;
    const isOpen = (side: IndexedSide): boolean => side.rows(name).some(({ action }) => action === "allow");
    if (!isOpen(old) || !isOpen(now)) continue;
    const parts = Object.entries(DESTINATION).flatMap(([part, of]) => {
      const [a, b] = [canonicalJson(of(known)), canonicalJson(of(service))];
      // A port more or less is told by who may reach it.
      if (a === b || (part === "ports" && !samePortMoved(known, service))) return [];
      return [{ before: `${part} ${a}`, after: `${part} ${b}` }];
    });
    if (parts.length === 0) continue;
    const risks: Risk[] = ["destination", ...(isProduction(service.labels) ? (["production"] as const) : [])];
    found.push({
      ...everyone(name, cause, risks),
      ports: service.ports.map(({ port }) => port).join(),
      before: parts.map(({ before }) => before),
      after: parts.map(({ after }) => after),
      owner: service.spec.owner,
    });
  }
  return found;
}

function samePortMoved(before: Service, after: Service): boolean {
  return after.ports.some(({ port, targetPort }) =>
    before.ports.some((other) => other.port === port && other.targetPort !== targetPort),
  );
}

/** Parts of Trust on which every identity rests. */
const TRUST = {
  "trust domain": ({ trust }: Model) => trust.spec.trustDomain,
  "trust domain aliases": ({ trust }: Model) => trust.spec.trustDomainAliases,
  "the proxy's identity": ({ proxySpiffeId }: Model) => proxySpiffeId,
} as const;

/** Changes of who counts as whom: an alias trust domain, an issuer. */
export function trustChanges(old: IndexedSide, now: IndexedSide, objects: ObjectChanges): AccessChange[] {
  const cause = objects.of("Trust");
  const [a, b] = [old.side.model, now.side.model];
  if (!cause || !a || !b) return [];
  const parts = Object.entries(TRUST).flatMap(([part, of]) => {
    const [before, after] = [canonicalJson(of(a)), canonicalJson(of(b))];
    return before === after ? [] : [{ before: `${part} ${before}`, after: `${part} ${after}` }];
  });
  const providers = providerChanges(a.trust.spec.identityProviders, b.trust.spec.identityProviders);
  return [...parts, ...providers].map(({ before, after }) => ({
    ...everyone("every service", cause, ["trust"]),
    before: [before],
    after: [after],
  }));
}

function everyone(to: string, cause: Cause, risks: readonly Risk[]): AccessChange {
  return {
    change: "changed",
    from: "everyone with access",
    fromKind: "everyone",
    to,
    ports: "all",
    via: [],
    before: [],
    after: [],
    widens: true,
    because: [cause],
    targets: ["every enforcement point"],
    owner: undefined,
    risks,
  };
}

/** A waiver opens nothing by itself, but a reviewer accepts a breach with it. */
export function waiverNotes(old: IndexedSide, now: IndexedSide, objects: ObjectChanges): string[] {
  const names = new Set([
    ...(old.side.model?.waivers.keys() ?? []),
    ...(now.side.model?.waivers.keys() ?? []),
  ]);
  return [...names].sort().flatMap((name) => {
    const cause = objects.of(`Waiver/${name}`);
    const waiver = (now.side.model?.waivers ?? old.side.model?.waivers)?.get(name);
    const where = cause?.position ? ` (${cause.position.file}:${cause.position.line})` : "";
    if (!cause) return [];
    const about = waiver
      ? ` of ${waiver.spec.rule} for ${waiver.spec.scope.join(", ")}: ${waiver.spec.reason}`
      : "";
    return [`waiver ${cause.what}: ${name}${about}${where}`];
  });
}
