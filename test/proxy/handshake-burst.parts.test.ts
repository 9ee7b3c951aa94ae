/**
 * Many strangers that have connected in silence begin their handshakes at one moment: whoever is connected goes on meanwhile.
 * Counted in answers and not in time, so that a busy machine changes nothing. Not proven: how long it takes.
 */
import { once } from "node:events";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, connectTls, startBackend, startProxy } from "./harness.ts";

const STRANGERS = 1_500;

let scope: Scope;

beforeAll(async () => {
  scope = await openScope("proxy-burst");
});

afterAll(() => scope?.stop());

/** The first bytes of a client, caught by a server that says nothing. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const client = tlsConnect({
    host: "127.0.0.1",
    port: typeof address === "object" && address ? address.port : 0,
  });
  client.on("error", () => {});
  const [socket] = (await once(server, "connection")) as [Socket];
  const [hello] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  server.close();
  return hello;
}

test("of 1500 handshakes that begin at once, few are answered before a byte of who is connected", async () => {
  const backend = await startBackend(scope);
  const [port = 0] = await freePorts(1);
  const proxy = await startProxy(scope, {
    listeners: [{ name: "tls", mode: "mtls", bind: "127.0.0.1", port, service: "plain" }],
    services: [
      { name: "plain", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "api", action: "allow", service: "plain", subjects: { workloads: [API] } }],
  });
  const connected = await connectTls(proxy, port, proxy.client(API));
  connected.on("error", () => {}).write("x");
  await once(connected, "data");
  const hello = await clientHello();
  let answered = 0;
  const strangers = Array.from({ length: STRANGERS }, () => {
    const socket = tcpConnect(port, "127.0.0.1").on("error", () => {});
    socket.once("data", () => {
      answered += 1;
    });
    return socket;
  });
  await Promise.all(strangers.map((socket) => once(socket, "connect")));
  for (const socket of strangers) socket.write(hello);
  connected.write("x");
  await once(connected, "data");
  expect(answered).toBeLessThan(STRANGERS / 2);
  // None is forgotten either.
  await until("every answer", 30, () => answered === STRANGERS);
  for (const socket of strangers) socket.destroy();
  connected.destroy();
});
