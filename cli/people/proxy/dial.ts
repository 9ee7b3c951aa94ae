import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  type PeerCertificate,
  type TLSSocket,
} from "node:tls";
import { CliError } from "../../exit.ts";
import type { ProxyTarget } from "../contexts.ts";
import { messageOf } from "../private-file.ts";

const TIMEOUT_MS = 15_000;

/**
 * A TLS connection to the proxy, which has proved to be the one that the context names.
 *
 * @throws CliError when it cannot be reached, or is somebody else
 */
export async function dialProxy(proxy: ProxyTarget): Promise<TLSSocket> {
  const { host, port } = addressOf(proxy);
  const options = tlsOptions(proxy, host);
  // Half-open: a client that has said all still waits for the answer. TLS takes the setting from the socket below it.
  const tcp = connectTcp({ host, port, allowHalfOpen: true, noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const deadline = setTimeout(() => tcp.destroy(new Error("no answer in 15 seconds")), TIMEOUT_MS);
  const failed = (cause: Error): void => reject(explain(proxy, cause));
  tcp.once("error", failed);
  tcp.once("connect", () => {
    const tls = connect({ ...options, socket: tcp });
    tls.once("error", failed);
    tls.once("secureConnect", () => {
      tls.off("error", failed);
      resolve(tls);
    });
  });
  try {
    return await promise;
  } catch (error) {
    tcp.destroy();
    throw error;
  } finally {
    clearTimeout(deadline);
  }
}

/** Host and port of `host:port`, brackets of IPv6 taken off. */
export function addressOf({ address }: ProxyTarget): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return {
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
    port: Number(address.slice(colon + 1)),
  };
}

function tlsOptions({ ca, serverName, spiffeId, certificate }: ProxyTarget, host: string): ConnectionOptions {
  const name = serverName ?? host;
  return {
    minVersion: "TLSv1.2",
    allowHalfOpen: true,
    // RFC 6066, 3: an address is no server name.
    ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca: read(ca, "the proxy's authorities") }),
    ...(certificate === undefined
      ? {}
      : {
          cert: read(certificate.cert, "the certificate"),
          key: read(certificate.key, "the certificate's key"),
        }),
    checkServerIdentity: (_, peer) =>
      spiffeId === undefined ? checkServerIdentity(name, peer) : checkSpiffeId(spiffeId, peer),
  } as ConnectionOptions;
}

/** X.509-SVID, 2: exactly one URI name, and it is compared whole. */
function checkSpiffeId(expected: string, { subjectaltname }: PeerCertificate): Error | undefined {
  const uris = (subjectaltname ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  const [only] = uris;
  if (uris.length === 1 && only === `URI:${expected}`) return undefined;
  return new Error(`its certificate is not that of ${expected}`);
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CliError(`${what}: ${path} cannot be read: ${messageOf(cause)}`, undefined, { cause });
  }
}

/** Asked for before a sign-in, which would be for nothing without them. @throws CliError for a file that cannot be read */
export function checkTlsFiles(proxy: ProxyTarget): void {
  tlsOptions(proxy, addressOf(proxy).host);
}

const UNREACHED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
]);

const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
]);

function explain({ address, ca }: ProxyTarget, cause: Error): CliError {
  const code = "code" in cause ? String(cause.code) : "";
  const hint = hintFor(code, ca);
  return new CliError(`the proxy at ${address}: ${cause.message || code}${hint}`, undefined, { cause });
}

function hintFor(code: string, ca: string | undefined): string {
  if (UNREACHED.has(code)) {
    return "\nIs the network up that leads to it (a VPN, kubectl port-forward)? Another address: portreeve login --proxy HOST:PORT";
  }
  if (!UNTRUSTED.has(code)) return "";
  return ca === undefined
    ? "\nGive the authority that issued it with login --ca FILE."
    : `\n${ca} does not vouch for it.`;
}
