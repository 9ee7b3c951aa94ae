import type { Rule, Service, Workload } from "../../model/types.ts";
import { admitted, isNobody } from "../../plan/admitted.ts";
import type { Context } from "./context.ts";
import type { IamCondition } from "./objects.ts";

/** When a permission holds. IAM has a clock, so a grant's time window becomes a condition. */
export interface Window {
  readonly notBefore?: string;
  readonly expires?: string;
}

/** Workloads that may use a service, each with the windows in which it may and the grants that say so. */
export interface Granted {
  readonly workload: Workload;
  readonly windows: readonly Window[];
  readonly grants: readonly string[];
}

/**
 * The workloads of the cluster to which some grant opens the service at all. Addresses and people have no role here; a
 * deny that always holds takes the permission away.
 */
export function grantedWorkloads(
  context: Context,
  service: Service,
  allow: (rule: Rule) => boolean,
): Granted[] {
  const rules = context.rules.get(service.name) ?? [];
  const found = new Map<string, { workload: Workload; windows: Map<string, Window>; grants: Set<string> }>();
  for (const rule of rules) {
    if (rule.action !== "allow" || rule.source !== "grant" || !allow(rule)) continue;
    const window = windowOf(rule);
    for (const workload of openedTo(context, rules, rule)) {
      const entry = found.get(workload.id) ?? { workload, windows: new Map(), grants: new Set() };
      entry.windows.set(windowLabel(window), window);
      entry.grants.add(rule.id);
      found.set(workload.id, entry);
    }
  }
  return [...found.values()].map(({ workload, windows, grants }) => ({
    workload,
    // Without a window the others say nothing more.
    windows: windows.has("") ? [{}] : [...windows.values()],
    grants: [...grants].sort(),
  }));
}

/** Grants by which anybody at all reaches the service. */
export function openGrants(context: Context, service: Service): string[] {
  const rules = context.rules.get(service.name) ?? [];
  const open = rules.filter(
    (rule) =>
      rule.action === "allow" &&
      rule.source === "grant" &&
      rule.ports.some((port) =>
        rule.via.some((via) => !isNobody(admitted(rules, port, via, (candidate) => candidate === rule))),
      ),
  );
  return [...new Set(open.map((rule) => rule.id))].sort();
}

function openedTo(context: Context, rules: readonly Rule[], rule: Rule): Workload[] {
  const workloads = new Set<Workload>();
  for (const port of rule.ports) {
    for (const via of rule.via) {
      const who = admitted(rules, port, via, (candidate) => candidate === rule);
      const identities = [...who.workloads];
      for (const agent of who.agents) {
        identities.push(...(context.model.agents.get(agent)?.decision.workloads ?? []));
      }
      for (const id of identities)
        for (const workload of context.byIdentity.get(id) ?? []) workloads.add(workload);
      for (const name of who.namespaces) {
        for (const workload of context.byNamespace.get(name) ?? []) workloads.add(workload);
      }
    }
  }
  return [...workloads];
}

function windowOf({ when }: Rule): Window {
  return {
    ...(when.notBefore !== undefined && { notBefore: instant(when.notBefore) }),
    ...(when.expires !== undefined && { expires: instant(when.expires) }),
  };
}

/** Whole seconds, the form IAM documents. */
function instant(text: string): string {
  return new Date(Date.parse(text)).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A name part for a window; empty for none. */
export function windowLabel({ notBefore, expires }: Window): string {
  const short = (text: string) => text.replace(/[-:]/g, "");
  return [
    ...(notBefore === undefined ? [] : [`from-${short(notBefore)}`]),
    ...(expires === undefined ? [] : [`until-${short(expires)}`]),
  ].join("-");
}

export function windowCondition({ notBefore, expires }: Window): IamCondition | undefined {
  if (notBefore === undefined && expires === undefined) return undefined;
  return {
    ...(notBefore !== undefined && { DateGreaterThanEquals: { "aws:CurrentTime": notBefore } }),
    ...(expires !== undefined && { DateLessThan: { "aws:CurrentTime": expires } }),
  };
}
