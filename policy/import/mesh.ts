import { splitSpiffeId } from "../decide/key.ts";
import { compareText } from "../finding.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { type Membership, membership } from "../reach/index.ts";
import { trustDomain as trustDomainSchema } from "../schema/primitives.ts";
import type { Estate } from "./read.ts";
import type { ImportOptions, Mesh } from "./types.ts";

/** The mesh that the folder is about, with its pods, and what was taken for granted of it. */
export interface MeshFacts {
  readonly mesh: Mesh;
  readonly inMesh: readonly Pod[];
  readonly outside: readonly Pod[];
  readonly notes: readonly string[];
}

export function findMesh(estate: Estate, options: ImportOptions): MeshFacts {
  const notes: string[] = [];
  const { cluster } = estate;
  const stated = options.dataPlane && (options.dataPlane === "ambient" ? "ztunnel" : "sidecar");
  const of = (pod: Pod): Membership =>
    membership(pod, cluster, { undeclared: "sidecar", ...(stated && { dataplane: stated }) });
  const memberships = new Map(cluster.pods.map((pod) => [pod, of(pod)]));
  const count = (plane: Membership) => [...memberships.values()].filter((each) => each === plane).length;
  const dataPlane = stated ?? (count("ztunnel") > count("sidecar") ? "ztunnel" : "sidecar");
  const other = dataPlane === "sidecar" ? "ztunnel" : "sidecar";
  if (stated === undefined) {
    notes.push(
      `the data plane is taken to be ${dataPlane === "ztunnel" ? "ambient" : "sidecar"}, by the labels of namespaces and pods; say --data-plane to state it`,
    );
    if (count(other) > 0)
      notes.push(
        `${count(other)} kinds of pods are in the mesh by ${other}; they are judged as if by ${dataPlane}`,
      );
  }
  if (count("sidecar") + count("ztunnel") === 0 && cluster.pods.length > 0)
    notes.push(
      "no pod is in the mesh by the labels of its namespace or its own; say --data-plane to take all as in it",
    );
  const { trustDomain, note } = findTrustDomain(estate.security, options.trustDomain);
  notes.push(note);
  return {
    mesh: {
      trustDomain,
      aliases: options.trustDomainAliases ?? [],
      rootNamespace: options.rootNamespace,
      dataPlane,
    },
    inMesh: cluster.pods.filter((pod) => memberships.get(pod) !== "none"),
    outside: cluster.pods.filter((pod) => memberships.get(pod) === "none"),
    notes,
  };
}

function findTrustDomain(
  policies: readonly SecurityPolicy[],
  stated: string | undefined,
): { readonly trustDomain: string; readonly note: string } {
  if (stated !== undefined) return { trustDomain: stated, note: `the trust domain is ${stated}, as stated` };
  const counts = new Map<string, number>();
  for (const principal of policies.flatMap(principalsOf)) {
    const domain = splitSpiffeId(`spiffe://${principal}`)?.trustDomain ?? "";
    if (trustDomainSchema.safeParse(domain).success) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, x], [b, y]) => y - x || compareText(a, b));
  if (most === undefined)
    return {
      trustDomain: "cluster.local",
      note: "the trust domain is taken to be cluster.local, Istio's default: no principal names one; say --trust-domain to state it",
    };
  const others = [...counts.keys()].filter((domain) => domain !== most[0]);
  const rest = others.length > 0 ? ` (others are named too: ${others.sort(compareText).join(", ")})` : "";
  return {
    trustDomain: most[0],
    note: `the trust domain is taken to be ${most[0]}, which ${most[1]} principals name${rest}; say --trust-domain to state it`,
  };
}

function principalsOf(policy: SecurityPolicy): string[] {
  if (policy.kind !== "AuthorizationPolicy") return [];
  return (policy.spec?.rules ?? []).flatMap(({ from, when }) => [
    ...(from ?? []).flatMap(({ source }) => [
      ...(source?.principals ?? []),
      ...(source?.notPrincipals ?? []),
    ]),
    ...(when ?? [])
      .filter(({ key }) => key === "source.principal")
      .flatMap(({ values, notValues }) => [...(values ?? []), ...(notValues ?? [])]),
  ]);
}
