/**
 * The part of Bun's API that the proxy uses, written by hand: Bun's own typings replace Node's globals, and the rest of
 * the repository runs on Node.
 */

/** A raw socket: TCP, or TLS over it. */
export interface BunSocket<Data> {
  data: Data;
  /** How many bytes were taken; 0 when full, -1 when closed. The rest is the caller's, until `drain`. */
  write(data: Uint8Array | string): number;
  pause(): void;
  resume(): void;
  /** Sends FIN (TLS: close_notify first); reading goes on. */
  shutdown(): void;
  /** Closes for both directions after what was written. */
  end(): void;
  /** Closes at once, with a reset where data is pending. */
  terminate(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean, initialDelay: number): boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly authorized: boolean;
  getAuthorizationError(): Error | null;
  getServername(): string | null | undefined;
  getTLSVersion(): string | null;
  isSessionReused(): boolean;
  /** The peer's leaf. Costs about a fifteenth of `getPeerCertificate`. */
  getPeerX509Certificate(): { readonly raw: Uint8Array } | undefined;
  /** With `false`: the whole chain, by `issuerCertificate`. */
  getPeerCertificate(abbreviated: boolean): PeerCertificate | undefined;
  upgradeTLS<Next>(options: {
    data: Next;
    tls: TlsOptions;
    socket: SocketHandlers<Next>;
  }): [BunSocket<Data>, BunSocket<Next>];
}

export interface PeerCertificate {
  readonly raw?: Uint8Array;
  readonly issuerCertificate?: PeerCertificate;
}

export interface SocketHandlers<Data> {
  open?(socket: BunSocket<Data>): void;
  handshake?(socket: BunSocket<Data>, success: boolean, error: CodedError | null): void;
  data?(socket: BunSocket<Data>, data: Uint8Array): void;
  drain?(socket: BunSocket<Data>): void;
  end?(socket: BunSocket<Data>): void;
  close?(socket: BunSocket<Data>, error?: CodedError): void;
  error?(socket: BunSocket<Data>, error: CodedError): void;
  connectError?(socket: BunSocket<Data>, error: CodedError): void;
}

export interface CodedError extends Error {
  readonly code?: string;
}

export interface TlsOptions {
  key?: string;
  cert?: string;
  ca?: readonly string[];
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  secureOptions?: number;
  serverName?: string;
}

export interface BunListener {
  readonly port: number;
  /** The listening socket. */
  readonly fd: number;
  stop(closeActive?: boolean): void;
}

export interface BunApi {
  readonly version: string;
  listen<Data>(options: {
    hostname?: string;
    port?: number;
    unix?: string;
    reusePort?: boolean;
    allowHalfOpen?: boolean;
    tls?: TlsOptions;
    data?: Data;
    socket: SocketHandlers<Data>;
  }): BunListener;
  connect<Data>(options: {
    hostname: string;
    port: number;
    allowHalfOpen?: boolean;
    tls?: TlsOptions;
    data: Data;
    socket: SocketHandlers<Data>;
  }): Promise<BunSocket<Data>>;
}

/** Whether a stream is one of Bun's sockets, which have written or encrypted what they take when `write` returns. */
export function isBunSocket(stream: object): boolean {
  return "upgradeTLS" in stream;
}

/** Bun, or undefined on another runtime. */
export const bun: BunApi | undefined = (globalThis as { Bun?: BunApi }).Bun;

/** Bun; only code that runs in the proxy's own process calls this. */
export function requireBun(): BunApi {
  if (!bun) throw new Error("the proxy runs on Bun; start it with `portreeve proxy`");
  return bun;
}

/** `SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1`, as BoringSSL and OpenSSL number them. */
export const NO_TLS_BELOW_1_2 = 0x0400_0000 | 0x1000_0000;
/** And `SSL_OP_NO_TLSv1_2`. */
export const NO_TLS_BELOW_1_3 = NO_TLS_BELOW_1_2 | 0x0800_0000;
