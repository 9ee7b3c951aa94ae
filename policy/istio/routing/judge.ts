import { evaluate } from "../authorization/index.ts";
import { readsAddresses, UNKNOWN_ADDRESS } from "./arrival-notes.ts";
import type { Arrival } from "./types.ts";
import type { Pod, RoutingWorld } from "./world.ts";

/** Who dials, and what it can prove. */
export interface Sender {
  readonly pod: Pod;
  readonly plane: Arrival["dataPlane"];
  readonly ip: string | undefined;
  /** The server name of TLS that the application itself speaks. */
  readonly sni: string | undefined;
}

/** Stands for a source address that nobody told: no block of a policy should name it (RFC 5737). */
const SOME_ADDRESS = "192.0.2.1";

const SOME_SERVER = "192.0.2.2";

/** What is known of an arrival before anybody judges it. */
export type Common = Pick<Arrival, "address" | "port" | "by" | "workload" | "dataPlane"> & {
  notes: string[];
};

/** The verdict of the AuthorizationPolicies that hold there, with whom they take the sender for. */
export function judged(
  world: RoutingWorld,
  sender: Sender,
  pod: Pod,
  port: number,
  dataplane: "sidecar" | "ztunnel",
  principal: string | null,
  common: Common & Pick<Arrival, "wire" | "accepts">,
): Arrival {
  const { trustDomain, trustDomainAliases } = world.settings;
  const { rootNamespace, peers, authorizations } = world.mesh;
  const { verdict, by, notes } = evaluate({
    dataplane,
    policies: [...peers, ...authorizations],
    workload: {
      namespace: pod.namespace,
      labels: pod.labels,
      trustDomain,
      trustDomainAliases,
      rootNamespace,
    },
    connection: {
      source: { ip: sender.ip ?? SOME_ADDRESS, principal },
      destination: { ip: common.address ?? SOME_SERVER, port },
      ...(sender.sni === undefined ? {} : { sni: sender.sni }),
    },
  });
  const unknown = sender.ip === undefined && readsAddresses(world, pod) ? [UNKNOWN_ADDRESS] : [];
  return {
    ...common,
    principal,
    outcome: verdict,
    by,
    reason: reasonOf(verdict, by, world, pod),
    notes: [...common.notes, ...notes, ...unknown],
  };
}

function reasonOf(verdict: "allow" | "deny", by: Arrival["by"], { mesh }: RoutingWorld, pod: Pod): string {
  if (by !== null)
    return `${verdict === "allow" ? "allowed" : "denied"} by ${by.policy}, rule ${by.rule + 1}`;
  if (verdict === "deny") return "no rule of an ALLOW policy for this workload matches";
  const any = mesh.authorizations.some((policy) =>
    [pod.namespace, mesh.rootNamespace].includes(policy.metadata.namespace ?? "default"),
  );
  return any ? "no policy for this workload refuses it" : "no AuthorizationPolicy is there";
}

/** `spiffe://` left out, as policies write it. */
export function identityOf({ settings }: RoutingWorld, { namespace, serviceAccount }: Pod): string {
  return `${settings.trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
