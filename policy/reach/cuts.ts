import type { AuthorizationPolicy, Condition, SecurityPolicy } from "../istio/objects.ts";
import { type AddressSet, parseAddress, parseCidr } from "../sets/addresses.ts";
import { PORTS } from "../sets/ports.ts";
import { pieces, type Range } from "../sets/ranges.ts";

/**
 * The TCP ports cut wherever a policy could begin or end to treat them differently: to ask it for one port of each
 * piece is to ask for all. Too many cuts only cost time.
 */
export function portPieces(policies: readonly SecurityPolicy[]): readonly Range<number>[] {
  const named = policies.flatMap((policy) =>
    policy.kind === "PeerAuthentication"
      ? Object.keys(policy.spec?.portLevelMtls ?? {})
      : portsNamedBy(policy),
  );
  const sets = named.flatMap((text) => {
    const port = Number(text);
    return Number.isInteger(port) && port >= PORTS.first && port <= PORTS.last
      ? [[{ low: port, high: port }]]
      : [];
  });
  return pieces(PORTS, sets);
}

function portsNamedBy(policy: AuthorizationPolicy): readonly string[] {
  return (policy.spec?.rules ?? []).flatMap(({ to, when }) => [
    ...(to ?? []).flatMap(({ operation }) => [...(operation?.ports ?? []), ...(operation?.notPorts ?? [])]),
    ...valuesOf(when, ["destination.port"]),
  ]);
}

/** The blocks of source addresses that policies tell apart. */
export function sourceBlocks(policies: readonly SecurityPolicy[]): readonly AddressSet[] {
  return policies
    .flatMap((policy) => (policy.kind === "AuthorizationPolicy" ? (policy.spec?.rules ?? []) : []))
    .flatMap(({ from, when }) => [
      ...(from ?? []).flatMap(({ source }) => [
        ...(source?.ipBlocks ?? []),
        ...(source?.notIpBlocks ?? []),
        ...(source?.remoteIpBlocks ?? []),
        ...(source?.notRemoteIpBlocks ?? []),
      ]),
      ...valuesOf(when, ["source.ip", "remote.ip"]),
    ])
    .flatMap((text) => parseCidr(text) ?? parseAddress(text) ?? []);
}

/** Attributes that policies ask for and that objects do not tell; the report assumes that they do not match. */
export function unknownAttributes(policies: readonly SecurityPolicy[]): readonly string[] {
  const keys = policies
    .flatMap((policy) => (policy.kind === "AuthorizationPolicy" ? (policy.spec?.rules ?? []) : []))
    .flatMap(({ when }) => (when ?? []).map(({ key }) => key));
  return ["connection.sni", "destination.ip"].filter((key) => keys.includes(key));
}

function valuesOf(when: readonly Condition[] | undefined, keys: readonly string[]): readonly string[] {
  return (when ?? [])
    .filter(({ key }) => keys.includes(key))
    .flatMap(({ values, notValues }) => [...(values ?? []), ...(notValues ?? [])]);
}
