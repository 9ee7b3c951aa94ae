import { type Address, parseAddress, unmap } from "./match-cidr.ts";
import { SPIFFE } from "./match-string.ts";
import type { TcpConnection } from "./types.ts";

/** A connection as a proxy sees it when it decides. */
export interface Peer {
  /** The certificate's URI, or empty for a plaintext peer. */
  readonly uri: string;
  /** The same without `spiffe://`. */
  readonly principal: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The TCP peer. */
  readonly source: Address;
  /** The TCP peer, or whom the PROXY protocol names. */
  readonly remote: Address;
  readonly destination: Address;
  readonly port: number;
  /** In lower case, as Envoy keeps it; empty without one. */
  readonly sni: string;
}

/** An address that cannot be read is a mistake of the caller, not a case for a verdict. */
export class ConnectionError extends Error {
  readonly code = "PORTREEVE_CONNECTION";
}

export function toPeer(connection: TcpConnection): Peer {
  const { source, destination } = connection;
  const direct = readAddress(source.ip, "source.ip");
  const principal = source.principal ?? "";
  const identity = readIdentity(principal);
  return {
    uri: principal === "" ? "" : SPIFFE + principal,
    principal,
    ...identity,
    source: direct,
    remote: source.remoteIp === undefined ? direct : readAddress(source.remoteIp, "source.remoteIp"),
    destination: readAddress(destination.ip, "destination.ip"),
    port: destination.port,
    sni: (connection.sni ?? "").toLowerCase(),
  };
}

/** The same connection without an identity: what a proxy sees that does not terminate the peer's mTLS. */
export function anonymous(peer: Peer): Peer {
  return { ...peer, uri: "", principal: "", namespace: "", serviceAccount: "" };
}

function readAddress(text: string, field: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new ConnectionError(`${field}: "${text}" is not an IP address`);
  return unmap(address);
}

/** Only `td/ns/NAMESPACE/sa/ACCOUNT` is an identity that ztunnel can take apart. */
function readIdentity(principal: string): { readonly namespace: string; readonly serviceAccount: string } {
  const parts = principal.split("/");
  const [, ns, namespace = "", sa, serviceAccount = ""] = parts;
  return parts.length === 5 && ns === "ns" && sa === "sa"
    ? { namespace, serviceAccount }
    : { namespace: "", serviceAccount: "" };
}
