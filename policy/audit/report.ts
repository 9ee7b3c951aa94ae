import { compareText, type Position } from "../finding.ts";
import type { Model } from "../model/types.ts";
import { type LogPlace, type Observations, type Observed, whoOf } from "./observed.ts";
import { type Could, grantsSince, type Snapshot, timeline } from "./timeline.ts";
import { type GrantUse, useOfGrants, whyNotRecorded } from "./usage.ts";

/** Who touched a port, or tried to, and how often. */
export interface Did {
  readonly who: string;
  readonly port: number;
  readonly count: number;
  readonly bytes: number;
  /** Epoch milliseconds. */
  readonly first: number;
  readonly last: number;
  readonly reason: string;
  readonly rules: readonly string[];
  /** Where the grant that decided stands now; undefined where there is none, or no longer. */
  readonly position: Position | undefined;
  /** The latest record. */
  readonly lastAt: LogPlace;
}

export interface ServiceReport {
  readonly name: string;
  readonly owner: string | undefined;
  readonly ports: readonly number[];
  /** Undefined for a service that records name and the policies do not know, or no longer. */
  readonly position: Position | undefined;
  readonly could: readonly Could[];
  readonly did: readonly Did[];
  readonly denied: readonly Did[];
  /** Why records do not show everybody who reached it; undefined where they do. */
  readonly unseen: string | undefined;
}

export interface WaiverReport {
  readonly name: string;
  readonly rule: string;
  readonly scope: readonly string[];
  readonly owner: string;
  readonly reason: string;
  readonly expires: string;
  readonly expired: boolean;
  readonly position: Position | undefined;
}

/** What an auditor asks: who could, who did, who tried, what nobody uses, and what was accepted. */
export interface AuditReport {
  readonly since: number;
  readonly until: number;
  readonly digest: string;
  readonly services: readonly ServiceReport[];
  readonly grants: readonly GrantUse[];
  readonly waivers: readonly WaiverReport[];
  readonly observations: Omit<Observations, "observed">;
}

/**
 * @param snapshots - the access table at each commit of the period, oldest first; the last is that of the model
 * @param until - epoch milliseconds: the end of the period, and the instant that expiries are judged at
 */
export function auditReport(
  model: Model,
  snapshots: readonly Snapshot[],
  observations: Observations,
  since: number,
  until: number,
): AuditReport {
  const could = timeline(snapshots);
  const { observed, ...rest } = observations;
  const names = new Set([
    ...model.services.keys(),
    ...could.map(({ row }) => row.service),
    ...observed.map(({ connection }) => connection.service),
  ]);
  const services = [...names].sort(compareText).map((name): ServiceReport => {
    const service = model.services.get(name);
    const own = observed.filter(({ connection }) => connection.service === name);
    return {
      name,
      owner: service?.spec.owner,
      ports: service?.ports.map(({ port }) => port) ?? [],
      position: service?.position,
      could: could
        .filter(({ row }) => row.service === name)
        .sort((a, b) => a.row.port - b.row.port || compareText(a.row.from, b.row.from)),
      did: didOf(
        model,
        own.filter(({ verdict }) => verdict === "allow"),
      ),
      denied: didOf(
        model,
        own.filter(({ verdict }) => verdict === "deny"),
      ),
      unseen: unseenAt(model, name),
    };
  });
  return {
    since,
    until,
    digest: model.digest,
    services,
    grants: useOfGrants(model, observations, since, grantsSince(snapshots)),
    waivers: [...model.waivers.values()].map(({ name, spec, position }) => ({
      name,
      rule: spec.rule,
      scope: spec.scope,
      owner: spec.owner,
      reason: spec.reason,
      expires: spec.expires,
      expired: Date.parse(spec.expires) <= until,
      position,
    })),
    observations: rest,
  };
}

function unseenAt(model: Model, service: string): string | undefined {
  const grants = new Set(
    model.rules.flatMap((rule) => (rule.service === service && rule.source === "grant" ? [rule.id] : [])),
  );
  for (const grant of grants) {
    const why = whyNotRecorded(model, grant);
    if (why !== undefined) return `Grant/${grant}: ${why}`;
  }
  return undefined;
}

/** From where somebody came does not make another row: who, which port, by which rules does. */
function didOf(model: Model, observed: readonly Observed[]): Did[] {
  const ids = new Map([...model.workloads.values()].map(({ id, spiffeId }) => [spiffeId, id]));
  const rows = new Map<string, { -readonly [Key in keyof Did]: Did[Key] }>();
  for (const { connection, reason, rules, count, bytes, first, last, lastAt } of observed) {
    const name = whoOf(connection);
    const who = ids.get(name) ?? name;
    const key = JSON.stringify([who, connection.port, reason, rules]);
    const known = rows.get(key);
    if (!known) {
      const position = model.grants.get(rules.at(-1) ?? "")?.position;
      rows.set(key, {
        who,
        port: connection.port,
        count,
        bytes,
        first,
        last,
        reason,
        rules,
        position,
        lastAt,
      });
      continue;
    }
    known.count += count;
    known.bytes += bytes;
    known.first = Math.min(known.first, first);
    if (last >= known.last) Object.assign(known, { last, lastAt });
  }
  return [...rows.values()].sort((a, b) => b.count - a.count || compareText(a.who, b.who));
}
