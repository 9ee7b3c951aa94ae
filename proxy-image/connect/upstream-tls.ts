import { checkServerIdentity, type PeerCertificate as NodePeerCertificate, type TLSSocket } from "node:tls";
import type { ProxyUpstreamTls } from "../../policy/compile/proxy/config.ts";
import type { Identifier } from "../identify.ts";
import { type BunSocket, NO_TLS_BELOW_1_2, type TlsOptions } from "../runtime/bun.ts";
import { issuersOf, peerChain, peerLeaf } from "../runtime/peer.ts";

/** PEM texts that upstream TLS needs, read when the configuration was loaded. */
export interface UpstreamTlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Verifies and presents certificates towards one service's endpoints. */
export class UpstreamTls {
  readonly #mode: ProxyUpstreamTls;
  readonly #files: UpstreamTlsFiles;
  readonly #trustPem: readonly string[];
  readonly #identifier: Identifier;

  constructor(
    mode: ProxyUpstreamTls,
    files: UpstreamTlsFiles,
    trustPem: readonly string[],
    identifier: Identifier,
  ) {
    this.#mode = mode;
    this.#files = files;
    this.#trustPem = trustPem;
    this.#identifier = identifier;
  }

  get used(): boolean {
    return this.#mode.mode !== "none";
  }

  /** @param host the endpoint's host, for SNI and verification when nothing else is configured */
  options(host: string): TlsOptions {
    const { ca, cert, key } = this.#files;
    const spiffe = this.#spiffeIds.length > 0;
    const authorities = spiffe ? this.#trustPem : ca === undefined ? undefined : [ca];
    return {
      ...(authorities ? { ca: authorities } : {}),
      ...(cert !== undefined && key !== undefined ? { cert, key } : {}),
      serverName: this.#serverName(host),
      // Verified all the same: `refusal` judges the result before a byte is sent. A raw socket asks no callback, and
      // refusing by itself it would know one name only.
      rejectUnauthorized: false,
      secureOptions: NO_TLS_BELOW_1_2,
    };
  }

  /**
   * Why the endpoint is not who it should be, once the handshake is done; undefined when it is.
   *
   * @param at epoch milliseconds
   */
  refusal(socket: BunSocket<unknown>, host: string, at: number): string | undefined {
    const error = socket.getAuthorizationError();
    const code = error && "code" in error ? error.code : undefined;
    // The chain is verified before the name, so this one code says that only the name of the SNI was not found.
    if (!socket.authorized && code !== "ERR_TLS_CERT_ALTNAME_INVALID") {
      return error?.message ?? "its certificate is not verified";
    }
    return this.#spiffeIds.length > 0 ? this.#wrongSpiffeId(socket, at) : this.#wrongName(socket, host);
  }

  /** Where the endpoint takes HBONE; undefined for one that is dialled directly. */
  get hbonePort(): number | undefined {
    return this.#mode.mode === "mutual" ? this.#mode.hbone : undefined;
  }

  /** The same for a peer of HBONE, which is known by its SPIFFE ID and nothing else. */
  hboneRefusal(socket: TLSSocket, at: number): string | undefined {
    if (!socket.authorized) return "its certificate is not verified";
    const leaf = socket.getPeerX509Certificate()?.raw;
    return this.#wrongLeaf(leaf, () => issuersOf(socket.getPeerCertificate(true)), at);
  }

  #wrongSpiffeId(socket: BunSocket<unknown>, at: number): string | undefined {
    return this.#wrongLeaf(peerLeaf(socket), () => peerChain(socket), at);
  }

  #wrongLeaf(
    leaf: Uint8Array | undefined,
    chain: () => readonly Uint8Array[],
    at: number,
  ): string | undefined {
    if (!leaf) return "it showed no certificate";
    const found = this.#identifier.identify(leaf, chain, at);
    if (!found.ok) return `its certificate is not an accepted SVID: ${found.refusal}`;
    const { id } = found.workload.spiffe;
    return this.#spiffeIds.includes(id) ? undefined : `it is ${id}, which is not an accepted identity`;
  }

  #wrongName(socket: BunSocket<unknown>, host: string): string | undefined {
    const accepted = (this.#mode.mode === "none" ? undefined : this.#mode.subjectAltNames) ?? [
      this.#serverName(host),
    ];
    const certificate = socket.getPeerCertificate(true);
    if (!certificate) return "it showed no certificate";
    const errors = accepted.map((name) => checkServerIdentity(name, certificate as NodePeerCertificate));
    return errors.includes(undefined) ? undefined : errors[0]?.message;
  }

  get #spiffeIds(): readonly string[] {
    return this.#mode.mode === "mutual" ? this.#mode.spiffeIds : [];
  }

  #serverName(host: string): string {
    return (this.#mode.mode === "none" ? undefined : this.#mode.sni) ?? host;
  }
}
