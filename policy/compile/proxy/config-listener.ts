import * as z from "zod";
import { bindAddress, cidr, duration, name, port } from "./config-scalar.ts";
import { keyPairSchema } from "./config-trust.ts";

/** PROXY protocol on an accepting port. */
const proxyProtocolIn = z.strictObject({
  /**
   * Peers that speak PROXY protocol v1 or v2 here; from them the header is required, so that a balancer which lost its
   * setting is noticed. Everybody else connects directly, and a header from them is refused: believing it would let a
   * client choose its own source address.
   */
  from: z.array(cidr).min(1),
});

const common = {
  name,
  /** Address to bind. @default 0.0.0.0; a `plaintext-loopback` listener binds 127.0.0.1 */
  bind: bindAddress.optional(),
  /** Port to bind. */
  port,
  proxyProtocol: proxyProtocolIn.optional(),
};

const tls = {
  /** Lowest TLS version accepted. @default 1.3 */
  minVersion: z.enum(["1.2", "1.3"]).default("1.3"),
  /**
   * The certificate shown to clients here, for a port whose clients verify a DNS name (`sslmode=verify-full`).
   * @default the proxy's own certificate
   */
  certificate: keyPairSchema.optional(),
};

const toService = {
  /** Name of the service that this port stands for. */
  service: name,
  /** Which of the service's ports; grants are judged by it. @default the service's only port */
  servicePort: port.optional(),
};

/** One accepting port. `mode` says how a client proves who it is. */
export const listenerSchema = z.discriminatedUnion("mode", [
  z.strictObject({
    /** TLS with a client certificate: the client's SPIFFE ID is the workload link of its principal chain. */
    mode: z.literal("mtls"),
    ...common,
    ...toService,
    ...tls,
  }),
  z.strictObject({
    /** TLS without a client certificate: an anonymous transport, judged by its source address. */
    mode: z.literal("tls"),
    ...common,
    ...toService,
    ...tls,
    /**
     * Stock PostgreSQL clients give a token of this provider as their password. The proxy asks for it, keeps it, and logs in
     * for the client; so the service has `auth`. Nobody is admitted by address alone then.
     * @default no password is asked for
     */
    passwordToken: z
      .strictObject({
        /** Name of an OIDC provider. */
        provider: name,
      })
      .optional(),
  }),
  z.strictObject({
    /** No TLS, on a loopback address only: behind a sidecar or for a process on the same host. */
    mode: z.literal("plaintext-loopback"),
    ...common,
    ...toService,
  }),
  z.strictObject({
    /** TLS that is read up to its ClientHello and never terminated: the service is chosen by SNI. */
    mode: z.literal("passthrough"),
    ...common,
    /** A client whose SNI is in none of these, or that sends none, is refused. A leading `*.` matches one label. */
    routes: z
      .array(
        z.strictObject({
          /** Server names that lead to the service. */
          sni: z.array(z.string().min(1)).min(1),
          ...toService,
        }),
      )
      .min(1),
  }),
  z.strictObject({
    /**
     * The shared port: TLS, then HTTP CONNECT names the service as `name:port`; the credential in
     * `Proxy-Authorization` is the person or agent link of the chain.
     */
    mode: z.literal("connect"),
    ...common,
    ...tls,
    /** Ask for a client certificate as well: `require` refuses a client without one. @default request */
    clientCertificate: z.enum(["none", "request", "require"]).default("request"),
    /** Longest head (request line and headers) read before the client is refused, in bytes. @default 20480: a token has up to 16 KiB */
    maxHeadBytes: z.int().min(256).max(65_536).default(20_480),
  }),
  z.strictObject({
    /**
     * HBONE, by which ztunnel brings the clients of an ambient mesh: TLS 1.3 with a client certificate, HTTP/2 inside, and
     * a CONNECT for each TCP connection. Its authority is this pod's address and the port of one of the `mtls` listeners
     * (or of the `connect` listener, or of metrics): that is the service. A service's `mesh.host` with its own port is
     * accepted as well.
     */
    mode: z.literal("hbone"),
    ...common,
    /** Nothing comes before HBONE's TLS. */
    proxyProtocol: z.never().optional(),
    /** TCP connections that one client may carry over one TLS connection at a time. @default 1000 */
    maxStreams: z.int().min(1).max(100_000).default(1_000),
    /** A TLS connection that carries nothing is ended after this. @default 10m */
    idleTimeout: duration.default(600_000),
  }),
]);
