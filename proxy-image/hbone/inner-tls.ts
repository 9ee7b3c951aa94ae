import { constants, type ServerHttp2Stream } from "node:http2";
import { TLSSocket } from "node:tls";
import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import { identifyClient } from "../accept/identify-client.ts";
import { handshakeOf, secureContextOf } from "../accept/server-context.ts";
import { Connection } from "../connection.ts";
import { NodeStream } from "../runtime/node-stream.ts";
import type { ProxyState } from "../state.ts";

/**
 * A client of the shared port that came through the mesh: its own TLS, and the CONNECT that names the service, are inside
 * of the stream. The mesh knows who runs the pod; the client proves by itself who it is, as on the plain port.
 */
export function acceptInnerTls(
  state: ProxyState,
  listener: Extract<ProxyListener, { mode: "connect" }>,
  stream: ServerHttp2Stream,
  peer: { readonly address: string; readonly port: number },
): void {
  stream.respond({ [constants.HTTP2_HEADER_STATUS]: 200 });
  const { trust } = state.generation;
  const secured = new TLSSocket(stream, {
    isServer: true,
    secureContext: secureContextOf(state, listener),
    requestCert: listener.clientCertificate !== "none",
    // Judged by `identifyClient`, which records why.
    rejectUnauthorized: false,
  });
  const client = new NodeStream(secured);
  const connection = new Connection(state, listener, client, peer);
  client.attach(connection);
  secured.once("secure", () => identifyClient(connection, listener, handshakeOf(secured, trust)));
}
