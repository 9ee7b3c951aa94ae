import type { BunSocket, CodedError, SocketHandlers } from "../runtime/bun.ts";
import type { Attempt } from "./attempt.ts";

/** What the network does is told by a close. This is what one of the handlers has thrown: nothing goes on as if it had not. */
function thrown(socket: BunSocket<Attempt>, error: CodedError): void {
  if (socket.data.done) socket.terminate();
  else socket.data.fail(`internal error: ${error.message}`);
}

/** Of TLS over an attempt's socket. */
export const tlsEvents: SocketHandlers<Attempt> = {
  handshake(socket, _success, error) {
    // `success` is also true for a chain that is not trusted; `handshaken` looks at the socket itself.
    // A handshake that failed outright is followed by its close, which tells the connection.
    if (error && !socket.getPeerX509Certificate()) socket.data.fail(`TLS to the endpoint: ${error.message}`);
    else socket.data.handshaken(socket);
  },
  data(socket, data) {
    socket.data.events?.data(data);
  },
  drain(socket) {
    socket.data.events?.drain();
  },
  end(socket) {
    if (socket.data.done) socket.data.events?.ended();
    else socket.data.fail("the endpoint closed during the TLS handshake");
  },
  close(socket, error) {
    if (socket.data.done) socket.data.events?.closed(error?.code);
    else socket.data.fail(`the endpoint closed during the TLS handshake${error ? `: ${error.code}` : ""}`);
  },
  error: thrown,
};

/** Of an attempt's TCP socket; its TLS has events of its own. */
export const tcpEvents: SocketHandlers<Attempt> = {
  open(socket) {
    socket.data.opened(socket);
  },
  connectError(socket, error: CodedError) {
    socket.data.fail(error.code ?? error.message);
  },
  data(socket, data) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.awaitsUpgrade) attempt.upgradeAnswered(socket, data);
    else attempt.events?.data(data);
  },
  drain(socket) {
    if (!socket.data.upgraded) socket.data.events?.drain();
  },
  end(socket) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.done) attempt.events?.ended();
    else attempt.fail("the endpoint closed before TLS");
  },
  close(socket, error) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.done) attempt.events?.closed(error?.code);
    else attempt.fail(error?.code ?? "the endpoint closed the connection");
  },
  error: thrown,
};
