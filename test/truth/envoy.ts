/**
 * A real Envoy that decides about real connections, with the RBAC filters that istiod made. The PROXY protocol gives
 * each connection the destination and the remote address of its case; the TCP peer's address is a real one of 127/8.
 */

import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { TcpConnection } from "../../policy/istio/authorization/index.ts";
import {
  type Authority,
  createAuthority,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import type { Running, Scope } from "../cluster/scope.ts";
import { part } from "../toolchain/parts.ts";

/** What Envoy did with a connection, and the key that finds it in the access log. */
export interface EnvoyOutcome {
  readonly verdict: "allow" | "deny";
  readonly key: string;
}

export interface Envoy {
  /** Makes the connection to the listener of this number. */
  readonly decide: (listener: number, connection: TcpConnection) => Promise<EnvoyOutcome>;
  /** Which policy denied, by Envoy's access log; `[none]` when none matched. */
  readonly denials: () => ReadonlyMap<string, string>;
}

const ADDRESS = "127.0.0.1";
/** Envoy's TLS inspector waits for five bytes, a TLS record's header, before it takes a connection for plaintext. */
const BYTES = "a query\r\n";
/** What mTLS peers of the mesh offer; other TLS is not terminated. */
const MESH_ALPN = "istio";

/** Starts Envoy with one listener for each list of filters. */
export async function startEnvoy(scope: Scope, filters: readonly (readonly unknown[])[]): Promise<Envoy> {
  const { path } = await part("envoy");
  const authority = createAuthority("truth");
  const [admin = 0, ...ports] = await freePorts(filters.length + 1);
  const config = join(scope.dir, "envoy.json");
  const own = createLeaf("workload", authority, { uris: ["spiffe://td1/ns/shop/sa/db"] });
  const listeners = filters.map((rbac, index) => listener(index, ports[index] ?? 0, rbac, own, authority));
  writeFileSync(
    config,
    JSON.stringify({
      admin: { address: socketAddress(admin) },
      static_resources: { listeners },
    }),
  );
  const running: Running = await scope.start(
    "envoy",
    path,
    ["-c", config, "--concurrency", "1", "--file-flush-interval-msec", "100", "--disable-hot-restart"],
    {
      ready: async () => (await fetch(`http://${ADDRESS}:${admin}/ready`)).ok,
    },
  );
  const identities = new Map<string, Issued>();
  const identity = (principal: string): Issued => {
    const known = identities.get(principal);
    if (known !== undefined) return known;
    const made = createLeaf("peer", authority, { uris: [`spiffe://${principal}`] });
    identities.set(principal, made);
    return made;
  };
  return {
    decide: async (index, connection) => {
      const { verdict, local } = await makeConnection(ports[index] ?? 0, connection, identity);
      // The same port of ours may be used again to reach another listener.
      return { verdict, key: `${index}/${local}` };
    },
    denials: () => readDenials(running.log()),
  };
}

function socketAddress(port: number): unknown {
  return { socket_address: { address: ADDRESS, port_value: port } };
}

const filterType = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;

function listener(
  index: number,
  port: number,
  rbac: readonly unknown[],
  own: Issued,
  authority: Authority,
): unknown {
  const echo = { name: "echo", typed_config: { "@type": filterType("network.echo.v3.Echo") } };
  return {
    name: `set-${index}`,
    address: socketAddress(port),
    listener_filters: [
      {
        name: "proxy_protocol",
        typed_config: { "@type": filterType("listener.proxy_protocol.v3.ProxyProtocol") },
      },
      {
        name: "tls_inspector",
        typed_config: { "@type": filterType("listener.tls_inspector.v3.TlsInspector") },
      },
    ],
    filter_chains: [
      {
        filter_chain_match: { transport_protocol: "tls", application_protocols: [MESH_ALPN] },
        transport_socket: {
          name: "tls",
          typed_config: {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            require_client_certificate: true,
            common_tls_context: {
              alpn_protocols: [MESH_ALPN],
              tls_certificates: [
                { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
              ],
              validation_context: { trusted_ca: { inline_string: authority.cert } },
            },
          },
        },
        filters: [...rbac, echo],
      },
      // Envoy does not fall back from a transport protocol that some chain names to a chain that names none.
      { filter_chain_match: { transport_protocol: "tls" }, filters: [...rbac, echo] },
      { filter_chain_match: { transport_protocol: "raw_buffer" }, filters: [...rbac, echo] },
    ],
    access_log: [
      {
        name: "log",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
          log_format: {
            text_format_source: {
              inline_string: `DECIDED ${index}/%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %CONNECTION_TERMINATION_DETAILS%\n`,
            },
          },
        },
      },
    ],
  };
}

const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, "");

/** Can this case be made as a real connection here? Only loopback has addresses enough to come from. */
export function isPossible({ source, destination }: TcpConnection): boolean {
  const family = (address: string) => unmapped(address).includes(":");
  return (
    unmapped(source.ip).startsWith("127.") && family(source.remoteIp ?? source.ip) === family(destination.ip)
  );
}

async function makeConnection(
  port: number,
  { source, destination, sni }: TcpConnection,
  identity: (principal: string) => Issued,
): Promise<{ readonly verdict: "allow" | "deny"; readonly local: string }> {
  const socket = connect({ host: ADDRESS, port, localAddress: unmapped(source.ip) });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const local = `${unmapped(source.ip)}:${socket.localPort}`;
  const remote = unmapped(source.remoteIp ?? source.ip);
  const target = unmapped(destination.ip);
  const family = target.includes(":") ? "TCP6" : "TCP4";
  socket.write(`PROXY ${family} ${remote} ${target} 40000 ${destination.port}\r\n`);
  const hello = sni === undefined ? Buffer.from(BYTES) : await clientHello(sni);
  const stream = source.principal === null ? socket : secure(socket, identity(source.principal), sni);
  const answered = new Promise<"allow" | "deny">((resolve) => {
    stream.once("data", () => resolve("allow"));
    for (const end of ["end", "close", "error"]) stream.once(end, () => resolve("deny"));
  });
  // Written at once: on TLS, node keeps it until the handshake is done.
  stream.write(source.principal === null ? hello : BYTES);
  const verdict = await answered;
  stream.destroy();
  return { verdict, local };
}

function secure(socket: Socket, { cert, key }: Issued, sni: string | undefined): TLSSocket {
  return connectTls({
    socket,
    cert,
    key,
    servername: sni ?? "",
    ALPNProtocols: [MESH_ALPN],
    rejectUnauthorized: false,
  });
}

/** The first bytes of a TLS client that is not of the mesh: Envoy sees its server name and passes it on unread. */
async function clientHello(sni: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: wire, servername: sni, rejectUnauthorized: false }).on("error", () => undefined);
  });
}

function readDenials(log: string): ReadonlyMap<string, string> {
  return new Map(
    [...log.matchAll(/^DECIDED (\S+) rbac_access_denied_matched_policy\[(.*)\]$/gm)].map((match) => [
      match[1] ?? "",
      match[2] ?? "",
    ]),
  );
}
