import { diffClusters, type Locate, readClusterSide } from "../diff/index.ts";
import { compareText } from "../finding.ts";
import { namespaceOf, selects } from "../istio/authorization/select.ts";
import { type Labels, selectsLabels } from "../kubernetes/reach/index.ts";
import type { ReachInput } from "../reach/index.ts";
import {
  idOf,
  isFields,
  isForeignWorkload,
  isNetworkPolicy,
  isPolicy,
  labelsAt,
  listAt,
  textAt,
  textsAt,
} from "./objects.ts";
import { proxyAccess } from "./proxy-access.ts";
import { witnesses, witnessName } from "./witnesses.ts";

/** One cluster: as it is wanted, or as it is. */
export interface DriftSide {
  /** What it is called in the answer. */
  readonly name: string;
  readonly objects: readonly unknown[];
  readonly locate?: Locate;
  /** Known of a policy set; else the labels of pods and namespaces tell. */
  readonly dataplane?: "sidecar" | "ztunnel";
  /** @default the one that its policies name, else `cluster.local` */
  readonly trustDomain?: string;
  /** @default "istio-system" */
  readonly rootNamespace?: string;
  /** Services of the mesh that the policies declare for other clusters alone: that they differ is no drift. */
  readonly elsewhere?: readonly {
    readonly service: string;
    readonly namespace: string;
    readonly labels: Labels;
  }[];
}

/** Somebody who can do on one side what they cannot on the other. */
export interface DriftRow {
  readonly layer: "network and mesh" | "mesh" | "network" | "proxy";
  /** `namespace/name` of a workload, a selector or account that stands for one, or `external:LOW-HIGH`. */
  readonly from: string;
  readonly to: string;
  /** What is open on the first side, and on the second; empty for nothing. */
  readonly a: string;
  readonly b: string;
  /** Objects that differ and concern the pair. */
  readonly because: readonly string[];
}

export interface Drift {
  /** Sorted by layer, destination and source. */
  readonly rows: readonly DriftRow[];
  /** The policy set that each side was made from, where it says so. */
  readonly digests: readonly [readonly string[], readonly string[]];
  /** What the answer rests on, and what was not compared. */
  readonly notes: readonly string[];
}

type Layer = DriftRow["layer"];

/**
 * What differs in access between two clusters, or between what is wanted and what is there. Objects may differ as they like
 * as long as the same connections get through.
 *
 * - Both sides have workloads: they are compared as they are.
 * - One side is policies alone: they are held against the other side's workloads, and only what they are for is told.
 * - Both are policies alone: against one stand-in for each selector, identity and namespace that they name. Mesh and network
 *   layer are compared apart then; the network layer not at all between data planes, which put different ports on the wire.
 *
 * Rules of Portreeve's proxy are compared as they are written, without the names of grants.
 *
 * @throws PolicyError when objects of a side cannot be read
 */
export function drift(a: DriftSide, b: DriftSide): Drift {
  const alone = [a, b].map(({ objects }) => !objects.some(isForeignWorkload));
  const notes: string[] = [];
  const rows: DriftRow[] = [];
  const compare = (layer: Layer, x: DriftSide, y: DriftSide): void => {
    const [before, after] = [sideOf(x), sideOf(y)];
    const { changes, notes: told } = diffClusters(before, after);
    notes.push(...told);
    const different = differing(x, y);
    for (const { from, to, before: open, after: opens, because } of changes) {
      const causes = because.map(({ object }) => object).filter((object) => different.has(object));
      const [x, y] = [open, opens].map((list) => list.map(layer === "mesh" ? tcpOf : String).join("; "));
      rows.push({ layer, from, to, a: x ?? "", b: y ?? "", because: causes });
    }
  };
  if (alone[0] && alone[1]) {
    const { pods, inexact } = witnesses([...a.objects, ...b.objects]);
    notes.push(
      ...inexact.map((what) => `${what} have no exact stand-in: access by them may be compared incompletely`),
    );
    const only = (side: DriftSide, wanted: (object: unknown) => boolean): DriftSide => ({
      ...side,
      objects: [...side.objects.filter(wanted), ...pods],
    });
    const mesh = (object: unknown): boolean => isPolicy(object) && !isNetworkPolicy(object);
    compare("mesh", only(a, mesh), only(b, mesh));
    if (planeOf(a) === planeOf(b)) {
      const plain = ({ dataplane: _, ...side }: DriftSide): DriftSide => side;
      compare("network", only(plain(a), isNetworkPolicy), only(plain(b), isNetworkPolicy));
    } else
      notes.push("NetworkPolicies are not compared: the two data planes put different ports on the wire");
  } else if (alone[0] || alone[1]) {
    const [wanted, there] = alone[0] ? [a, b] : [b, a];
    const borrowed = there.objects.filter((object) => !isPolicy(object));
    const known = new Set(wanted.objects.map(idOf));
    const { dataplane: _, ...rest } = wanted;
    const full: DriftSide = {
      ...rest,
      objects: [...wanted.objects, ...borrowed.filter((object) => !known.has(idOf(object)))],
    };
    const from = rows.length;
    compare("network and mesh", alone[0] ? full : a, alone[0] ? b : full);
    const [to, out] = [workloadsUnder(wanted, full, "to"), workloadsUnder(wanted, full, "from")];
    const kept = rows.splice(from).filter((row) => to.has(row.to) || out.has(row.from));
    rows.push(...kept);
  } else compare("network and mesh", a, b);
  rows.push(...proxyRows(a, b, notes));
  const declared = [...(a.elsewhere ?? []), ...(b.elsewhere ?? [])];
  notes.push(
    ...declared.map(
      ({ service }) => `Service ${service} is declared for one of the clusters alone: not compared`,
    ),
  );
  const skipped = new Set(declared.map(({ namespace, labels }) => witnessName(namespace, labels)));
  return {
    rows: rows.filter(({ to }) => !skipped.has(to)).sort(byPlace),
    digests: [digestsOf(a), digestsOf(b)],
    notes: [...new Set(notes)],
  };
}

/** Of ports of all protocols those of TCP, which is all that the mesh carries. */
function tcpOf(ports: string): string {
  if (ports.startsWith("All Connections")) return ports.replace("All Connections", "TCP 1-65535");
  return /TCP [\d,-]*\d( from some addresses only)?/.exec(ports)?.[0] ?? "";
}

/** A side that opens ztunnel's port in its NetworkPolicies is for ambient mode. */
function planeOf({ dataplane, objects }: DriftSide): "sidecar" | "ztunnel" {
  if (dataplane !== undefined) return dataplane;
  return objects.filter(isNetworkPolicy).some((policy) => JSON.stringify(policy).includes('"port":15008'))
    ? "ztunnel"
    : "sidecar";
}

function sideOf({ objects, locate, dataplane, rootNamespace, ...side }: DriftSide) {
  const trustDomain = side.trustDomain ?? trustDomainOf(objects);
  const options: Pick<ReachInput, "dataplane" | "trustDomain" | "rootNamespace"> = {
    ...(dataplane && { dataplane }),
    ...(trustDomain && { trustDomain }),
    ...(rootNamespace && { rootNamespace }),
  };
  return readClusterSide(objects, locate, options);
}

/** The trust domain of every principal that policies name; undefined when there is none, or several. */
function trustDomainOf(objects: readonly unknown[]): string | undefined {
  const domains = new Set(
    objects
      .filter((object) => textAt(object, "kind") === "AuthorizationPolicy")
      .flatMap((object) => listAt(object, "spec", "rules"))
      .flatMap((rule) => listAt(rule, "from"))
      .flatMap((from) => textsAt(from, "source", "principals"))
      .flatMap((principal) => /^([^/*]+)\/ns\//.exec(principal)?.[1] ?? []),
  );
  const [only, ...others] = domains;
  return others.length === 0 ? only : undefined;
}

/** Ids of objects that say something else on the two sides, whatever a server added to them. */
function differing(a: DriftSide, b: DriftSide): ReadonlySet<string> {
  const said = (side: DriftSide): Map<string, string> =>
    new Map(
      side.objects.map((object) => {
        const { status: _, metadata: __, ...rest } = isFields(object) ? object : {};
        const id =
          textAt(object, "kind") === "Namespace"
            ? `Namespace/${textAt(object, "metadata", "name")}`
            : idOf(object);
        return [
          id,
          JSON.stringify([
            rest,
            labelsAt(object, "metadata", "labels"),
            labelsAt(object, "metadata", "annotations"),
          ]),
        ];
      }),
    );
  const [x, y] = [said(a), said(b)];
  return new Set([...x.keys(), ...y.keys()].filter((id) => x.get(id) !== y.get(id)));
}

/** The workloads of which a policy of the wanted side says who connects to them, or what they connect to. */
function workloadsUnder(wanted: DriftSide, full: DriftSide, end: "to" | "from"): ReadonlySet<string> {
  const { policies, cluster: own } = sideOf(wanted);
  const security = end === "to" ? policies : [];
  const network = own.policies.filter(
    ({ ingress, egress }) => (end === "to" ? ingress : egress) !== undefined,
  );
  const under = sideOf(full).cluster.pods.filter(
    ({ namespace, labels }) =>
      network.some((policy) => policy.namespace === namespace && selectsLabels(policy.selector, labels)) ||
      security.some(
        (policy) =>
          namespaceOf(policy) === namespace && selects(policy.spec?.selector, { namespace, labels }),
      ),
  );
  return new Set(under.map(({ workload }) => workload));
}

function proxyRows(a: DriftSide, b: DriftSide, notes: string[]): DriftRow[] {
  const [x, y] = [proxyAccess(a.objects), proxyAccess(b.objects)];
  for (const unreadable of [...x.unreadable, ...y.unreadable]) {
    notes.push(`${unreadable} holds no proxy configuration that can be read`);
  }
  return [...new Set([...x.rows.keys(), ...y.rows.keys()])].flatMap((key): DriftRow[] => {
    const [one, other] = [x.rows.get(key), y.rows.get(key)];
    const row = one ?? other;
    if (row === undefined || (one !== undefined && other !== undefined)) return [];
    return [
      { layer: "proxy", from: row.from, to: row.to, a: one?.said ?? "", b: other?.said ?? "", because: [] },
    ];
  });
}

function digestsOf({ objects }: DriftSide): string[] {
  const found = objects.flatMap(
    (object) => labelsAt(object, "metadata", "annotations")["portreeve.dev/policy-digest"] ?? [],
  );
  return [...new Set(found)].sort(compareText);
}

function byPlace(x: DriftRow, y: DriftRow): number {
  return (
    compareText(x.layer, y.layer) ||
    compareText(x.to, y.to) ||
    compareText(x.from, y.from) ||
    compareText(x.a, y.a)
  );
}
