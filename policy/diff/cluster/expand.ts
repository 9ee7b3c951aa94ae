import { formatAddressRange, IPV4 } from "../../sets/addresses.ts";
import { PROTOCOLS, type Protocol } from "../../sets/ports.ts";
import { canonical, contains, pieces, type Range, type Ranges } from "../../sets/ranges.ts";
import type { AccessChange, AccessDiff, Cause } from "../change.ts";
import { byRisk } from "../risk.ts";
import { Causes, changedObjects } from "./causes.ts";
import { podsByWorkload, targetsOf } from "./diff.ts";
import { clusterNotes } from "./notes.ts";
import type { ClusterSide } from "./objects.ts";
import { type ServiceAccess, serviceAccess } from "./pairs.ts";
import { clusterRisks } from "./risks.ts";
import { isBehind } from "./service.ts";

/** Which protocols one side lets through, as text; empty for none. */
type Open = string;

/**
 * The difference in access between two folders of Kubernetes and Istio objects, one row for each pair of a service account
 * (`namespace/serviceaccount`) or range of addresses (`external:LOW-HIGH`) and a port of a Service
 * (`namespace/service:port`). Ports that no Service leads to are not looked at; see {@link diffClusters}.
 */
export function expandClusters(before: ClusterSide, after: ClusterSide): AccessDiff {
  const objects = changedObjects(before, after);
  const notes = clusterNotes(before, after);
  if (objects.length === 0) return { changes: [], objects: [], notes };
  const causes = new Causes(before, after, objects);
  const pods = [...podsByWorkload([before, after]).values()].flat();
  const byAccount = Map.groupBy(pods, (pod) => `${pod.namespace}/${pod.serviceAccount}`);
  const changes: AccessChange[] = [];
  const [old, now] = [serviceAccess(before), serviceAccess(after)];
  for (const to of new Set([...old.keys(), ...now.keys()])) {
    const [a, b] = [old.get(to), now.get(to)];
    const behind = pods.filter((pod) => [a, b].some((access) => access && isBehind(access.service, pod)));
    const service = (b ?? a)?.service;
    for (const { from, isOutside, before: open, after: opens } of differences(a, b)) {
      const because = causes.of(`${isOutside ? "" : from} ${to}`, {
        from: isOutside ? [] : (byAccount.get(from) ?? []),
        to: behind,
        service,
      });
      const fromKind = isOutside ? ("external" as const) : ("workload" as const);
      const widens = isWider(open, opens);
      changes.push({
        change: open === "" ? "gained" : opens === "" ? "lost" : "changed",
        from,
        fromKind,
        to,
        ports: opens || open,
        before: open === "" ? [] : [open],
        after: opens === "" ? [] : [opens],
        widens,
        because,
        via: [],
        targets: targetsOf(because),
        owner: undefined,
        risks: clusterRisks({ from, fromKind, to, widens }, after, behind, service?.exposed),
      });
    }
    notes.push(...partlyReached(to, a, b));
  }
  return {
    changes: changes.sort(byRisk),
    objects: objects.map(({ object, what, position }): Cause => ({ object, what, position })),
    notes,
  };
}

function isWider(before: Open, after: Open): boolean {
  const had = before.split(",");
  return after.split(",").some((protocol) => protocol !== "" && !had.includes(protocol));
}

interface Difference {
  readonly from: string;
  readonly isOutside: boolean;
  readonly before: Open;
  readonly after: Open;
}

function* differences(a: ServiceAccess | undefined, b: ServiceAccess | undefined): Generator<Difference> {
  for (const from of new Set([...(a?.accounts.keys() ?? []), ...(b?.accounts.keys() ?? [])])) {
    const [before, after] = [openText(a?.accounts.get(from)), openText(b?.accounts.get(from))];
    if (before !== after) yield { from, isOutside: false, before, after };
  }
  const all = [...(a?.outside.values() ?? []), ...(b?.outside.values() ?? [])];
  if (all.length === 0) return;
  const found = pieces(IPV4, all).flatMap((range) => {
    const [before, after] = [openFrom(a?.outside, range), openFrom(b?.outside, range)];
    return before === after ? [] : [{ range, before, after }];
  });
  for (const group of Map.groupBy(found, ({ before, after }) => `${before}>${after}`).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const ranges = canonical(
      IPV4,
      group.map(({ range }) => range),
    );
    for (const range of ranges) {
      const from = `external:${formatAddressRange(range)}`;
      yield { from, isOutside: true, before: first.before, after: first.after };
    }
  }
}

function openText(protocols: ReadonlySet<Protocol> | undefined): Open {
  return PROTOCOLS.filter((protocol) => protocols?.has(protocol)).join();
}

function openFrom(outside: ReadonlyMap<Protocol, Ranges<number>> | undefined, { low }: Range<number>): Open {
  return PROTOCOLS.filter((protocol) => contains(outside?.get(protocol) ?? [], low)).join();
}

/** That a Service stays reachable while more or fewer of the workloads behind it are, is no row, but worth a word. */
function partlyReached(to: string, a: ServiceAccess | undefined, b: ServiceAccess | undefined): string[] {
  if (a === undefined || b === undefined) return [];
  return [...a.accounts.keys()]
    .filter((from) => b.accounts.has(from) && a.partly.get(from) !== b.partly.get(from))
    .map(
      (from) =>
        `${from} → ${to}: reached ${a.partly.get(from) ?? "all workloads"} behind the Service before, ${b.partly.get(from) ?? "all workloads"} after`,
    );
}
