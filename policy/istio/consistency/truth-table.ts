import type { TlsMode } from "./client-mode.ts";
import type { PortProtocol } from "./protocol.ts";
import type { ServerMode } from "./server-mode.ts";

/** What a client's TLS mode comes to against what stands before the port. */
export type Cell =
  | "works"
  /** It depends on what objects do not tell. */
  | "not judged"
  /** The rule that finds it; see {@link TRUTH_TABLE}. */
  | "PR530"
  | "PR531"
  | "PR532";

/** The modes of a client, and how its proxy dials when no rule sets one. */
export type Dialled = TlsMode | "auto";

/**
 * Client × server. PR530: plaintext to a port that demands mTLS. PR531: mTLS of Istio's to what cannot answer it. PR532:
 * TLS without the mesh's certificate to a port that demands one.
 *
 * Automatic mTLS asks each endpoint and is right everywhere; its exceptions have rules of their own (`auto.ts`). Under
 * PERMISSIVE a sidecar hands TLS that is not Istio's on to the application, which may well serve it. ztunnel gets HBONE,
 * which a client's sidecar uses whatever the DestinationRule says, if it is set up to.
 */
export const TRUTH_TABLE: Readonly<Record<Dialled, Readonly<Record<ServerMode, Cell>>>> = {
  auto: row("works", "works", "works", "works", "works", "works", "works"),
  DISABLE: row("PR530", "works", "works", "works", "not judged", "not judged", "works"),
  SIMPLE: row("PR532", "works", "works", "works", "not judged", "not judged", "works"),
  MUTUAL: row("PR532", "works", "works", "works", "not judged", "not judged", "works"),
  ISTIO_MUTUAL: row("works", "works", "PR531", "PR531", "works", "not judged", "PR531"),
};

function row(
  STRICT: Cell,
  PERMISSIVE: Cell,
  DISABLE: Cell,
  none: Cell,
  own: Cell,
  ztunnel: Cell,
  external: Cell,
): Record<ServerMode, Cell> {
  return { STRICT, PERMISSIVE, DISABLE, none, own, ztunnel, external };
}

/**
 * Why TLS that a client's proxy starts cannot fit the protocol of the port, whatever stands before it; undefined when it
 * can. `tcp`, `http`, `redis` and `mongo` can be wrapped: that is what TLS origination is for.
 */
export function protocolConflict(mode: Dialled, protocol: PortProtocol): string | undefined {
  if (mode !== "SIMPLE" && mode !== "MUTUAL") return undefined;
  switch (protocol) {
    case "tls":
      return "the application already speaks TLS on this port, so the server gets TLS inside TLS";
    case "mysql":
      return "MySQL asks for TLS inside its own protocol, after the server has spoken";
    case "detect":
    case "http":
    case "tcp":
    case "mongo":
    case "redis":
      return undefined;
  }
}
