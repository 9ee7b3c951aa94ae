/**
 * Requests that no well-behaved client sends, at the ports that are not the data path, and streams that end in the middle
 * of what the proxy does for them: the process goes on. What it does not show: that no other request ends it.
 */
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, connectTls, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";
import { connectTo, FLAG, FRAME, frame, openRaw, reset } from "./hbone-frames.ts";

let scope: Scope;
let proxy: TestProxy;
let hbone = 0;
let orders = 0;
let shared = 0;

beforeAll(async () => {
  scope = await openScope("odd-requests");
  [hbone = 0, orders = 0, shared = 0] = await freePorts(3);
  const backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: hbone },
      { name: "orders", mode: "mtls", bind: "127.0.0.1", port: orders, service: "orders" },
      { name: "shared", mode: "connect", bind: "127.0.0.1", port: shared, clientCertificate: "request" },
    ],
    services: [
      { name: "orders", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "api-orders", action: "allow", service: "orders", subjects: { workloads: [API] } }],
  });
});

afterAll(() => scope?.stop());

async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const reading = readToEnd(socket);
  socket.end(text);
  return (await reading).toString();
}

/** The same process is there, and serves. */
async function goesOn(): Promise<void> {
  process.kill(proxy.running.pid, 0);
  const socket = await connectTls(proxy, orders, proxy.client(API));
  const reading = readToEnd(socket);
  socket.end("hello");
  expect((await reading).toString()).toBe("hello");
}

test.each(["//", "//[", "http://[", "*", "/%"])("a request for %s at metrics and admin", async (target) => {
  for (const port of [proxy.metricsPort, proxy.adminPort]) {
    const answer = await raw(port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect.soft(answer).toMatch(/^HTTP\/1\.1 (400|404) /);
  }
  await goesOn();
});

test.each([
  ["the shared port", () => shared],
  ["metrics", () => proxy.metricsPort],
  ["a service", () => orders],
])("a stream of HBONE to %s that is reset at any moment", async (_, port) => {
  const session = await openRaw({ port: hbone, ca: proxy.ca, client: proxy.client(API) });
  const authority = connectTo(`127.0.0.1:${port()}`);
  for (let stream = 1; stream < 100; stream += 2) {
    session.socket.write(frame(FRAME.headers, FLAG.endHeaders, stream, authority));
    if (stream % 4 === 1)
      session.socket.write(frame(FRAME.data, 0, stream, Buffer.from("\x16\x03\x01\x00\x05")));
    if (stream % 8 === 1) await new Promise((turn) => setImmediate(turn));
    session.socket.write(
      stream % 3 === 0 ? reset(stream) : frame(FRAME.rst, 0, stream, Buffer.of(0, 0, 0, 2)),
    );
  }
  await goesOn();
  session.socket.destroy();
  await goesOn();
});

test("a connection of HBONE that breaks off with streams in every state", async () => {
  const session = await openRaw({ port: hbone, ca: proxy.ca, client: proxy.client(API) });
  const ports = [shared, proxy.metricsPort, orders];
  for (const [index, port] of ports.entries()) {
    session.socket.write(
      frame(FRAME.headers, FLAG.endHeaders, index * 2 + 1, connectTo(`127.0.0.1:${port}`)),
    );
  }
  await until(
    "answers to all",
    10,
    () => session.seen.filter(({ type }) => type === FRAME.headers).length >= 3,
  );
  session.socket.write(frame(FRAME.data, 0, 1, Buffer.from("\x16\x03\x01")));
  session.socket.destroy();
  await goesOn();
});
