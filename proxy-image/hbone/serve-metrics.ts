import { constants, type ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";

/** Addresses that bind every interface: reached by loopback. */
const EVERY: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Leads a stream to the proxy's own metrics, which anybody in the mesh may read, as on their plain port. */
export function serveMetrics({ bind, port }: ProxyConfig["metrics"], stream: ServerHttp2Stream): void {
  const socket = connect({ host: EVERY[bind] ?? bind, port, allowHalfOpen: true });
  socket.once("connect", () => {
    stream.respond({ [constants.HTTP2_HEADER_STATUS]: 200 });
    stream.pipe(socket).pipe(stream);
  });
  socket.on("error", () => stream.close(constants.NGHTTP2_CONNECT_ERROR));
  stream.on("error", () => socket.destroy());
  stream.on("close", () => socket.destroy());
}
