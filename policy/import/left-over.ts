import { compareText } from "../finding.ts";
import { targetsOf } from "../istio/authorization/select.ts";
import type { AuthorizationPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { sortedSet } from "../model/canonical.ts";
import type { ExternalDestination } from "./external.ts";
import type { Estate } from "./read.ts";
import type { NoEqual } from "./types.ts";

/** Objects that no document came from, and what they did. */
export function leftOver(
  estate: Estate,
  externals: readonly ExternalDestination[],
  outside: readonly Pod[],
): NoEqual[] {
  const routed = new Set(externals.filter(({ gateway }) => gateway).flatMap(({ spec }) => spec.hosts ?? []));
  const found: NoEqual[] = [];
  for (const { object, namespace, name, position } of estate.virtualServices) {
    const routes = [...(object.spec.tcp ?? []), ...(object.spec.tls ?? [])];
    const hosts = routes.flatMap(({ route }) => (route ?? []).map(({ destination }) => destination.host));
    if (hosts.some((host) => routed.has(host))) continue;
    found.push({
      subject: `VirtualService ${namespace}/${name}`,
      message:
        routes.length > 0
          ? "its routes (weights, subsets, matches) are not imported; they decide where a connection goes, not who may connect: keep it"
          : "it routes HTTP: keep it",
      position,
    });
  }
  for (const policy of estate.security) {
    if (policy.kind !== "AuthorizationPolicy" || targetsOf(policy).length === 0) continue;
    const { name, namespace = "default" } = policy.metadata;
    const position = estate.positionOfRule(`${namespace}/${name}`, -1);
    found.push({
      subject: `AuthorizationPolicy ${namespace}/${name}`,
      message: "it is for a gateway or waypoint (targetRef), which Portreeve does not guard: keep it",
      ...(position && { position }),
    });
  }
  for (const policy of estate.security) {
    if (policy.kind !== "AuthorizationPolicy" || !readsRemoteAddress(policy)) continue;
    const { name, namespace = "default" } = policy.metadata;
    const position = estate.positionOfRule(`${namespace}/${name}`, -1);
    found.push({
      subject: `AuthorizationPolicy ${namespace}/${name}`,
      message:
        "it asks for the remote address, which is taken to be that of the TCP peer: where a load balancer speaks the PROXY protocol before the pods, keep this policy",
      ...(position && { position }),
    });
  }
  const plaintext = sortedSet(outside.map(({ workload }) => workload));
  if (plaintext.length > 0)
    found.push({
      subject: plaintext.sort(compareText).join(", "),
      message:
        "not in the mesh: they have no identity, so no grant can name them; where today lets them in by plaintext, a difference says so",
    });
  return found;
}

function readsRemoteAddress(policy: AuthorizationPolicy): boolean {
  return (policy.spec?.rules ?? []).some(
    ({ from, when }) =>
      (from ?? []).some(({ source }) => source?.remoteIpBlocks ?? source?.notRemoteIpBlocks) ||
      (when ?? []).some(({ key }) => key === "remote.ip"),
  );
}
