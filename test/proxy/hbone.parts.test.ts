/**
 * HBONE as ztunnel speaks it, from Node's own HTTP/2 against the running proxy. That Envoy's is understood too is in
 * `hbone-envoy.parts.test.ts`; ztunnel itself is not to be had here.
 */
import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, type Backend, OTHER, type Parts, startBackend, startProxy, type TestProxy } from "./harness.ts";
import { openSession, openStream, readAll, roundTrip } from "./hbone-client.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let hbone = 0;
let listener = 0;

beforeEach(async () => {
  scope = await openScope("hbone");
});

afterEach(() => scope.stop());

async function start(
  parts: Partial<Parts> = {},
  handle?: Parameters<typeof startBackend>[1],
  more: Parts["listeners"] = [],
): Promise<void> {
  [hbone = 0, listener = 0] = await freePorts(2);
  backend = await startBackend(scope, handle);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: hbone },
      { name: "orders", mode: "mtls", bind: "127.0.0.1", port: listener, service: "orders" },
      ...more,
    ],
    services: [
      {
        name: "orders",
        ports: [{ port: 5432, protocol: "tcp" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        mesh: { host: "orders.db.example.com" },
      },
    ],
    rules: [{ id: "api-orders", action: "allow", service: "orders", subjects: { workloads: [API] } }],
    ...parts,
  });
}

const session = (uri = API): ClientHttp2Session => {
  const opened = openSession({ port: hbone, ca: proxy.ca, client: proxy.client(uri) });
  scope.onStop(() => opened.destroy());
  return opened;
};
const own = () => `127.0.0.1:${listener}`;

describe("a stream", () => {
  test("carries a connection byte for byte, and the record names the workload and what was asked", async () => {
    await start();
    const { status, stream } = await openStream(session(), own());
    expect(status).toBe(200);
    const data = randomBytes(3_000_000);
    expect((await roundTrip(stream, data)).equals(data)).toBe(true);
    expect(await proxy.record({ "dst.hbone_addr": own() })).toMatchObject({
      event: "close",
      listener: "hbone",
      "src.identity": API,
      "dst.service": "orders",
      "dst.port": 5432,
      rule: "api-orders",
      verdict: "allow",
      close: "client-closed",
      bytes_recv: data.length,
      bytes_sent: data.length,
    });
  });

  test("may name the service by its host and port, as a gateway does", async () => {
    await start();
    const { status, stream } = await openStream(session(), "orders.db.example.com:5432");
    expect(status).toBe(200);
    expect((await roundTrip(stream, "hello")).toString()).toBe("hello");
  });

  test("is refused by 401 without a grant, and the service hears nothing of it", async () => {
    await start();
    const { status } = await openStream(session(OTHER), own());
    expect(status).toBe(401);
    expect(await proxy.record({ "src.identity": OTHER })).toMatchObject({ close: "denied", verdict: "deny" });
    expect(backend.connections).toBe(0);
  });

  test("is answered by 503 when the service cannot be reached, not before and not never", async () => {
    const [closed = 0] = await freePorts(1);
    await start({
      services: [
        {
          name: "orders",
          ports: [{ port: 5432, protocol: "tcp" }],
          endpoints: [{ host: "127.0.0.1", port: closed }],
        },
      ],
    });
    expect((await openStream(session(), own())).status).toBe(503);
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ close: "connect-failed" });
  });

  test("half-closed by the client still gets what the service says afterwards", async () => {
    await start({}, (socket) => {
      let bytes = 0;
      socket.on("data", (data) => {
        bytes += data.length;
      });
      socket.on("end", () => socket.end(`got ${bytes}`));
    });
    const { stream } = await openStream(session(), own());
    expect((await roundTrip(stream, Buffer.alloc(100_000))).toString()).toBe("got 100000");
  });

  test("half-closed by the service still takes what the client says afterwards", async () => {
    await start({}, (socket) => void socket.end("bye"));
    const { stream } = await openStream(session(), own());
    expect((await readAll(stream)).toString()).toBe("bye");
    stream.end(Buffer.alloc(200_000));
    await until("the rest to arrive", 10, () => backend.bytes === 200_000);
    expect(await proxy.record({ close: "upstream-closed" })).toMatchObject({ bytes_recv: 200_000 });
  });

  test("that is reset is recorded as a reset, and the service is reset too", async () => {
    await start();
    const { stream } = await openStream(session(), own());
    stream.write("x");
    await until("the service to get it", 10, () => backend.bytes === 1);
    // Node ends a stream in order before it resets it with `close`; `destroy` resets at once.
    stream.on("error", () => {});
    stream.destroy(new Error("gone"));
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ close: "client-reset" });
    await until("the service to be let go", 10, () => backend.sockets.size === 0);
  });

  test("that nobody reads holds back its own service and no other stream", async () => {
    const total = 64_000_000;
    await start({}, (socket) => {
      socket.once("data", (first) => {
        if (first.toString() === "flood") socket.end(Buffer.alloc(total));
        else socket.end(first);
      });
    });
    const both = session();
    const flooded = await openStream(both, own());
    flooded.stream.pause();
    flooded.stream.write("flood");
    await until("the flood to begin", 10, () => backend.bytes === 5);
    const other = await openStream(both, own());
    expect((await roundTrip(other.stream, "still here")).toString()).toBe("still here");
    const memory = Number(/portreeve_memory_bytes (\d+)/.exec(await proxy.metrics())?.[1]);
    expect(memory).toBeLessThan(250_000_000);
    expect((await readAll(flooded.stream)).length).toBe(total);
  });

  test("that the service does not read holds back the client", async () => {
    await start({}, (socket) => void socket.pause());
    const opened = session();
    const { stream } = await openStream(opened, own());
    stream.write(Buffer.alloc(64_000_000));
    let before = -1;
    await until("the client to be held back", 20, async () => {
      const now = opened.socket.bytesWritten;
      const still = now === before;
      before = now;
      await new Promise((done) => {
        setTimeout(done, 300);
      });
      return still;
    });
    // What the kernel's buffers and the windows hold; the rest waits at the client.
    expect(before).toBeLessThan(32_000_000);
  });
});

describe("a connection of streams", () => {
  test("carries many at once, each with its own record", async () => {
    await start();
    const opened = session();
    const answers = await Promise.all(Array.from({ length: 100 }, () => openStream(opened, own())));
    const echoed = await Promise.all(
      answers.map(({ stream }, index) => roundTrip(stream, `stream ${index}`)),
    );
    expect(echoed.map(String)).toEqual(answers.map((_, index) => `stream ${index}`));
    await until("all records", 10, () => proxy.records().length === 100);
    expect(new Set(proxy.records().map(({ connection }) => connection)).size).toBe(100);
  });

  test("loses exactly the streams whose access a reload takes away", async () => {
    await start({
      rules: [
        { id: "api", action: "allow", service: "orders", subjects: { workloads: [API] } },
        { id: "other", action: "allow", service: "orders", subjects: { workloads: [OTHER] } },
      ],
    });
    const kept = (await openStream(session(API), own())).stream;
    const lostSession = session(OTHER);
    const lost = (await openStream(lostSession, own())).stream;
    lost.resume();
    const ended = new Promise((done) => {
      lost.once("close", done);
    });
    await proxy.reconfigure((config) => ({
      ...config,
      rules: config.rules.filter(({ id }) => id !== "other"),
    }));
    await ended;
    expect(await proxy.record({ "src.identity": OTHER })).toMatchObject({ close: "access-lost" });
    expect((await openStream(lostSession, own())).status).toBe(401);
    expect((await roundTrip(kept, "kept")).toString()).toBe("kept");
  });

  test("outlives its client's certificate, and its new streams are refused", async () => {
    await start();
    const brief = proxy.client(API, { notAfter: Date.now() + 3_000 });
    const opened = openSession({ port: hbone, ca: proxy.ca, client: brief });
    scope.onStop(() => opened.destroy());
    const { stream } = await openStream(opened, own());
    await until("the certificate to end", 10, () => Date.now() > Date.parse(expiryOf(brief.cert)));
    expect((await openStream(opened, own())).status).toBe(401);
    expect((await roundTrip(stream, "of before")).toString()).toBe("of before");
    expect(await proxy.record({ error: "expired" })).toMatchObject({ close: "handshake-failed" });
  });

  test("is told to leave by a drain; its streams may finish", async () => {
    await start({ drain: { deadline: "20s" } });
    const opened = session();
    const { stream } = await openStream(opened, own());
    const told = new Promise<number>((done) => {
      opened.once("goaway", done);
    });
    const stopping = proxy.running.stop();
    expect(await told).toBe(0);
    expect((await roundTrip(stream, "to the end")).toString()).toBe("to the end");
    await stopping;
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ close: "client-closed" });
  });
});

describe("another port of the proxy's pods, which ztunnel reaches by HBONE too", () => {
  test("is the shared one: the client's own TLS and CONNECT are inside, and it is judged by its own certificate", async () => {
    const [shared = 0] = await freePorts(1);
    await start({}, undefined, [{ name: "connect", mode: "connect", bind: "127.0.0.1", port: shared }]);
    // Whoever runs the pod has no grant; the person in it shows a certificate of its own.
    const { status, stream } = await openStream(session(OTHER), `127.0.0.1:${shared}`);
    expect(status).toBe(200);
    const { cert, key } = proxy.client(API);
    const inner = connectTls({ socket: stream, ca: proxy.ca.cert, cert, key, servername: "localhost" });
    await once(inner, "secureConnect");
    inner.write("CONNECT orders:5432 HTTP/1.1\r\nHost: orders:5432\r\n\r\n");
    expect(String((await once(inner, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
    inner.write("through two");
    expect(String((await once(inner, "data"))[0])).toBe("through two");
    inner.destroy();
    stream.destroy();
    expect(await proxy.record({ listener: "connect" })).toMatchObject({
      "src.identity": API,
      verdict: "allow",
    });
  });

  test("is that of metrics, and no other", async () => {
    await start();
    const opened = session(OTHER);
    const { stream } = await openStream(opened, `127.0.0.1:${proxy.metricsPort}`);
    const text = await roundTrip(stream, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(text.toString()).toMatch(/^HTTP\/1\.1 200 .*ready/s);
    expect((await openStream(opened, `127.0.0.1:${proxy.adminPort}`)).status).toBe(403);
  });
});

describe("a client is refused at the handshake", () => {
  test("without a certificate, with an expired one, of a stranger's authority, and with no SPIFFE ID", async () => {
    await start();
    const stranger = createAuthority("stranger");
    const clients = {
      none: undefined,
      expired: proxy.client(API, { notAfter: Date.now() - 60_000 }),
      stranger: createLeaf("client", stranger, { uris: [API] }),
      nameless: createLeaf("client", proxy.ca, { dnsNames: ["api.shop"] }),
    };
    for (const client of Object.values(clients)) {
      const opened = openSession({ port: hbone, ca: proxy.ca, client });
      await new Promise((done) => {
        opened.once("close", done);
      });
    }
    await until("four records", 10, () => proxy.records().length === 4);
    expect(proxy.records().map(({ close }) => close)).toEqual(Array(4).fill("handshake-failed"));
    expect(backend.connections).toBe(0);
  });
});

function expiryOf(pem: string): string {
  return new X509Certificate(pem).validTo;
}
