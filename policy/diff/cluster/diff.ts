import { compareText } from "../../finding.ts";
import type { Pod } from "../../kubernetes/reach/index.ts";
import { type Access, reachAll } from "../../reach/index.ts";
import { formatAddressRange, IPV4, parseAddress } from "../../sets/addresses.ts";
import { equalPorts, formatPorts, NO_PORTS, PORTS, type PortSet, PROTOCOLS } from "../../sets/ports.ts";
import { canonical, isSubset, pieces, type Range, difference as subtract, union } from "../../sets/ranges.ts";
import type { AccessChange, AccessDiff, Cause } from "../change.ts";
import { byRisk } from "../risk.ts";
import { Causes, changedObjects } from "./causes.ts";
import { clusterNotes } from "./notes.ts";
import type { ClusterSide } from "./objects.ts";
import { clusterRisks } from "./risks.ts";

const OUTSIDE = "external:";

/** What one side lets through between two names. */
interface Opening {
  readonly ports: PortSet;
  readonly someAddresses: boolean;
}

/**
 * The difference in access between two folders of Kubernetes and Istio objects, workload by workload: every port of every
 * protocol, whether or not a Service leads to it. Ranges of addresses outside are as long as the same is true of them.
 */
export function diffClusters(before: ClusterSide, after: ClusterSide): AccessDiff {
  const objects = changedObjects(before, after);
  const plain = objects.map(({ object, what, position }): Cause => ({ object, what, position }));
  // The same objects give the same access.
  if (objects.length === 0) return { changes: [], objects: [], notes: clusterNotes(before, after) };
  const causes = new Causes(before, after, objects);
  const pods = podsByWorkload([before, after]);
  const changes: AccessChange[] = [];
  const old = openings(before);
  const now = openings(after);
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    const [from = "", to = ""] = key.split(" ");
    for (const difference of differences(from, to, old.get(key) ?? [], now.get(key) ?? [])) {
      const because = causes.of(key, {
        from: pods.get(from) ?? [],
        to: pods.get(to) ?? [],
        service: undefined,
      });
      changes.push({
        ...difference,
        because,
        via: [],
        targets: targetsOf(because),
        owner: undefined,
        risks: clusterRisks(difference, after, pods.get(to) ?? []),
      });
    }
  }
  return { changes: changes.sort(byRisk), objects: plain, notes: clusterNotes(before, after) };
}

/** The kinds of objects that carry the change. */
export function targetsOf(because: readonly Cause[]): string[] {
  return [...new Set(because.map(({ object }) => object.slice(0, object.indexOf("/"))))].sort(compareText);
}

export function podsByWorkload(sides: readonly ClusterSide[]): ReadonlyMap<string, readonly Pod[]> {
  return Map.groupBy(
    sides.flatMap(({ cluster }) => cluster.pods),
    (pod) => pod.workload,
  );
}

interface Ranged {
  readonly range: Range<number> | undefined;
  readonly opening: Opening;
}

/** By source and destination, where every range of the outside world is one name. */
function openings(side: ClusterSide): Map<string, Ranged[]> {
  const { access } = reachAll({ ...side.options, cluster: side.cluster, policies: side.policies });
  const found = new Map<string, Ranged[]>();
  for (const { src, dst, ports, dependsOnAddress } of access) {
    const key = `${nameOf(src)} ${nameOf(dst)}`;
    const range = rangeOf(src) ?? rangeOf(dst);
    const list = found.get(key) ?? [];
    found.set(key, list);
    list.push({ range, opening: { ports, someAddresses: dependsOnAddress } });
  }
  return found;
}

type Difference = Pick<
  AccessChange,
  "change" | "from" | "fromKind" | "to" | "ports" | "before" | "after" | "widens"
>;

function differences(from: string, to: string, old: readonly Ranged[], now: readonly Ranged[]): Difference[] {
  const isOutside = from === OUTSIDE || to === OUTSIDE;
  const cuts = isOutside
    ? pieces(
        IPV4,
        [...old, ...now].flatMap(({ range }) => (range ? [[range]] : [])),
      )
    : [undefined];
  const found = cuts.flatMap((cut) => {
    const [a, b] = [openingAt(old, cut), openingAt(now, cut)];
    if (equalPorts(a.ports, b.ports) && a.someAddresses === b.someAddresses) return [];
    return [{ cut, a, b }];
  });
  // Neighbouring ranges of which the same is true are told as one.
  const alike = Map.groupBy(found, ({ a, b }) => `${openingText(a)} → ${openingText(b)}`);
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { a, b } = first;
    const names = isOutside
      ? canonical(
          IPV4,
          group.flatMap(({ cut }) => cut ?? []),
        ).map((range) => `${OUTSIDE}${formatAddressRange(range)}`)
      : [undefined];
    return names.map((outside) => difference(from, to, outside, a, b));
  });
}

function difference(
  from: string,
  to: string,
  outside: string | undefined,
  a: Opening,
  b: Opening,
): Difference {
  const [before, after] = [openingText(a), openingText(b)];
  return {
    change: before === "" ? "gained" : after === "" ? "lost" : "changed",
    from: from === OUTSIDE ? (outside ?? from) : from,
    fromKind: from === OUTSIDE ? "external" : "workload",
    to: to === OUTSIDE ? (outside ?? to) : to,
    ports:
      before === ""
        ? formatPorts(b.ports)
        : after === ""
          ? formatPorts(a.ports)
          : formatPorts(symmetric(a, b)),
    before: before === "" ? [] : [before],
    after: after === "" ? [] : [after],
    widens:
      !PROTOCOLS.every((protocol) => isSubset(b.ports[protocol], a.ports[protocol])) ||
      (a.someAddresses && !b.someAddresses),
  };
}

/** The ports that are open on one side only; where there are none, the ports whose addresses changed. */
function symmetric(a: Opening, b: Opening): PortSet {
  if (equalPorts(a.ports, b.ports)) return b.ports;
  const either = PROTOCOLS.map((protocol) => {
    const [x, y] = [a.ports[protocol], b.ports[protocol]];
    return [protocol, union(PORTS, subtract(PORTS, x, y), subtract(PORTS, y, x))] as const;
  });
  return { ...NO_PORTS, ...Object.fromEntries(either) };
}

function openingAt(ranged: readonly Ranged[], cut: Range<number> | undefined): Opening {
  const found = ranged.find(
    ({ range }) =>
      cut === undefined || (range !== undefined && range.low <= cut.low && cut.low <= range.high),
  );
  return found?.opening ?? { ports: NO_PORTS, someAddresses: false };
}

function openingText({ ports, someAddresses }: Opening): string {
  if (PROTOCOLS.every((protocol) => ports[protocol].length === 0)) return "";
  return `${formatPorts(ports)}${someAddresses ? " from some addresses only" : ""}`;
}

function nameOf(name: Access["src"]): string {
  return name.startsWith(OUTSIDE) ? OUTSIDE : name;
}

function rangeOf(name: string): Range<number> | undefined {
  if (!name.startsWith(OUTSIDE)) return undefined;
  const [low, high] = name
    .slice(OUTSIDE.length)
    .split("-")
    .map((address) => parseAddress(address)?.ipv4[0]?.low);
  return low === undefined || high === undefined ? undefined : { low, high };
}
