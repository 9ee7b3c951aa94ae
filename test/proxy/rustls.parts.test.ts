/**
 * TLS by the rustls library, where it differs from the runtime's or could: bytes under pressure both ways, keys that change,
 * ends that are cut off, roots that expire, and memory that nobody collects. What both must do is tested by the other files
 * here, which the project `rustls` runs a second time. Not tested here: attacks on the handshake's own cryptography, and
 * TLS 1.2 beyond that a connection works.
 */
import { spawn } from "node:child_process";
import { createHash, type Hash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type Socket, connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthority, createLeaf, type Issued } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { part } from "../toolchain/parts.ts";
import {
  API,
  type Backend,
  connectTls,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

let scope: Scope;
let port: number;
let env: { PORTREEVE_RUSTLS: string };

beforeEach(async () => {
  scope = await openScope("proxy-rustls");
  [port = 0] = await freePorts(1);
  env = { ...process.env, PORTREEVE_RUSTLS: (await part("rustls")).path };
});

afterEach(() => scope.stop());

function partsFor(backend: Backend): Parts {
  return {
    listeners: [{ name: "tls", mode: "mtls", bind: "127.0.0.1", port, service: "plain" }],
    services: [
      { name: "plain", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "api", action: "allow", service: "plain", subjects: { workloads: [API] } }],
  };
}

async function start(backend: Backend): Promise<TestProxy> {
  const proxy = await startProxy(scope, partsFor(backend), "proxy", env);
  // Otherwise all of this would say nothing about rustls.
  expect(await gauge(proxy, "portreeve_tls_configurations")).toBe(1);
  return proxy;
}

async function gauge(proxy: TestProxy, name: string): Promise<number | undefined> {
  const line = (await proxy.metrics()).split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ")[1]);
}

const MEGABYTE = 1 << 20;
/** Of a length that no buffer and no record has, so that seams lie everywhere. */
const PIECE = randomBytes(MEGABYTE - 4_321);

/** Sends so many pieces, each marked with its number, as fast as they are taken; then ends. */
async function sendPieces(socket: Socket, pieces: number, hash: Hash): Promise<void> {
  for (let index = 0; index < pieces; index++) {
    const piece = Buffer.from(PIECE);
    piece.writeUInt32BE(index);
    hash.update(piece);
    if (!socket.write(piece)) await once(socket, "drain");
  }
  socket.end();
}

/** Reads to the end, with rests in which the sender has to wait. Returns how many bytes there were. */
async function readSlowly(socket: Socket, hash: Hash): Promise<number> {
  let total = 0;
  let sinceRest = 0;
  for await (const data of socket as AsyncIterable<Buffer>) {
    hash.update(data);
    total += data.length;
    sinceRest += data.length;
    if (sinceRest < 8 * MEGABYTE) continue;
    sinceRest = 0;
    await new Promise((done) => setTimeout(done, 20));
  }
  return total;
}

test("200 MB each way at once arrive whole, with slow readers, and the slower way goes on when the other has ended", async () => {
  const [up, down, gotUp, gotDown] = [1, 2, 3, 4].map(() => createHash("sha256")) as [Hash, Hash, Hash, Hash];
  let serving: Promise<[number, undefined]> | undefined;
  const backend = await startBackend(scope, (socket) => {
    const reading = readSlowly(socket, gotUp);
    // Its second half only when the client has sent everything and said so.
    serving = Promise.all([
      reading,
      (async () => {
        await sendHalf(socket, down);
        await reading;
        await sendPieces(socket, 100, down);
        return undefined;
      })(),
    ]);
  });
  const proxy = await start(backend);
  const socket = await connectTls(proxy, port, proxy.client(API));
  const reading = readSlowly(socket, gotDown);
  await sendPieces(socket, 200, up);
  expect(await reading).toBe(200 * PIECE.length);
  expect((await serving)?.[0]).toBe(200 * PIECE.length);
  expect(gotUp.digest("hex")).toBe(up.digest("hex"));
  expect(gotDown.digest("hex")).toBe(down.digest("hex"));
  await proxy.record({
    close: "client-closed",
    bytes_sent: 200 * PIECE.length,
    bytes_recv: 200 * PIECE.length,
  });
  await until("no session", 10, async () => (await gauge(proxy, "portreeve_tls_sessions")) === 0);
});

async function sendHalf(socket: Socket, hash: Hash): Promise<void> {
  for (let index = 0; index < 100; index++) {
    hash.update(PIECE);
    if (!socket.write(PIECE)) await once(socket, "drain");
  }
}

test("a service that ends first still gets everything that the client sends afterwards", async () => {
  const [up, got] = [createHash("sha256"), createHash("sha256")];
  let reading: Promise<number> | undefined;
  const backend = await startBackend(scope, (socket) => {
    socket.end("that is all");
    reading = readSlowly(socket, got);
  });
  const proxy = await start(backend);
  const socket = await connectTls(proxy, port, proxy.client(API));
  expect((await readToEnd(socket)).toString()).toBe("that is all");
  await sendPieces(socket, 20, up);
  expect(await reading).toBe(20 * PIECE.length);
  expect(got.digest("hex")).toBe(up.digest("hex"));
  expect(await proxy.record({ close: "upstream-closed" })).toMatchObject({ bytes_recv: 20 * PIECE.length });
});

test("a client that changes its keys, and asks for new ones, goes on", async () => {
  const backend = await startBackend(scope);
  const proxy = await start(backend);
  const { cert, key } = proxy.client(API);
  for (const [name, text] of Object.entries({ cert, key }))
    writeFileSync(join(scope.dir, `client.${name}`), text);
  const file = (name: string) => join(scope.dir, `client.${name}`);
  const client = spawn("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", join(scope.dir, "proxy.ca.pem")],
    ...["-cert", file("cert"), "-key", file("key")],
  ]);
  scope.onStop(() => void client.kill());
  let said = "";
  for (const stream of [client.stdout, client.stderr]) {
    stream.on("data", (data: Buffer) => {
      said += data.toString();
    });
  }
  const say = async (line: string, answer: string) => {
    client.stdin.write(`${line}\n`);
    await until(`the answer to ${line}`, 10, () => said.includes(answer));
  };
  await until("the handshake", 10, () => said.includes("Verification: OK"));
  await say("first", "first\n");
  for (const round of ["second", "third", "fourth"]) {
    said = "";
    // K: new keys for the client's own direction, and a request that the server takes new ones too.
    await say("K", "KEYUPDATE");
    await say(round, `${round}\n`);
  }
  client.stdin.end();
  expect(await proxy.record({ close: "client-closed" })).toMatchObject({ "tls.version": "TLSv1.3" });
});

/** A TCP connection with TLS in it, so that TCP can be ended under TLS. */
async function connectOver(proxy: TestProxy, client: Issued) {
  const tcp = tcpConnect({ host: "127.0.0.1", port, allowHalfOpen: true });
  tcp.on("error", () => {});
  const tls = tlsConnect({
    socket: tcp,
    servername: "localhost",
    ca: proxy.ca.cert,
    cert: client.cert,
    key: client.key,
  });
  tls.on("error", () => {});
  await once(tls, "secureConnect");
  return { tcp, tls };
}

test("TCP that ends without close_notify ends in order, all delivered, and the record tells", async () => {
  let got = "";
  let ending = "";
  const backend = await startBackend(scope, (socket) => {
    socket.on("data", (data) => {
      got += data.toString();
    });
    socket.on("end", () => {
      ending ||= "end";
      socket.end();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      ending ||= error.code ?? "error";
    });
  });
  const proxy = await start(backend);
  const { tcp, tls } = await connectOver(proxy, proxy.client(API));
  await new Promise((done) => tls.write("half an order", done));
  tcp.end();
  const record = await proxy.record({ close: "client-closed" });
  expect(record).toMatchObject({ "tls.close_notify": "missing", bytes_recv: 13 });
  expect(record["error"]).toBeUndefined();
  await until("the service hears it", 10, () => ending !== "");
  expect([got, ending]).toEqual(["half an order", "end"]);
  const polite = await connectTls(proxy, port, proxy.client(API));
  polite.resume().end("all of it");
  expect(await proxy.record({ bytes_recv: 9 })).not.toHaveProperty("tls.close_notify");
});

test("bytes that are not TLS, in the middle of a connection, end it for both sides", async () => {
  const backend = await startBackend(scope);
  const proxy = await start(backend);
  const { tcp, tls } = await connectOver(proxy, proxy.client(API));
  tls.write("hello");
  await once(tls, "data");
  // A record of application data that no key of the connection has made.
  tcp.write(Buffer.concat([Buffer.from([0x17, 3, 3, 0, 64]), randomBytes(64)]));
  const record = await proxy.record({ close: "client-reset" });
  expect(record["error"]).toMatch(/decrypt/);
  expect(backend.bytes).toBe(5);
  await until("the service's side is closed", 10, () => backend.sockets.size === 0);
});

test("a root that expires lets nobody in from that moment, and neither does a ticket from before", async () => {
  const backend = await startBackend(scope);
  const proxy = await start(backend);
  const until_ = Date.now() + 4_000;
  const short = createAuthority("short", { notAfter: until_ });
  writeFileSync(join(scope.dir, "short.pem"), short.cert);
  const result = await proxy.reconfigure((config) => ({
    ...config,
    trust: { ...config.trust, bundles: [{ trustDomain: "test.org", file: join(scope.dir, "short.pem") }] },
  }));
  expect(result.result).toBe("applied");
  const client = createLeaf("client", short, { uris: [API] });
  const visit = async (session?: Buffer) => {
    const socket = tlsConnect({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      ...client,
      ...(session && { session }),
    });
    let ticket: Buffer | undefined;
    socket.on("session", (one: Buffer) => {
      ticket = one;
    });
    const reading = readToEnd(socket);
    socket.write("hello");
    socket.once("data", () => socket.end());
    return { answer: (await reading).toString(), ticket };
  };
  const before = await visit();
  expect(before.answer).toBe("hello");
  expect(before.ticket).toBeDefined();
  await until("the root has expired", 10, () => Date.now() > until_);
  expect((await visit(before.ticket)).answer).toBe("");
  expect((await visit()).answer).toBe("");
  expect(await proxy.record({ close: "handshake-failed" })).toMatchObject({
    error: "no trust bundle holds a certificate that is valid now",
  });
});

test("ten thousand connections that end in every way leave no session, and a replaced port leaves no configuration", async () => {
  const backend = await startBackend(scope);
  const proxy = await start(backend);
  const good = proxy.client(API);
  const stranger = createLeaf("client", createAuthority("unknown"), { uris: [API] });
  const raw = () => {
    const socket = tcpConnect(port, "127.0.0.1");
    socket.on("error", () => {});
    return socket;
  };
  const closed = (socket: Socket) =>
    socket.destroyed ? undefined : once(socket, "close").catch(() => undefined);
  const overTls = async (client: Issued | undefined, then: (socket: Socket) => void) => {
    const socket = await connectTls(proxy, port, client).catch(() => undefined);
    if (!socket) return;
    socket.on("error", () => {});
    socket.resume();
    then(socket);
    await closed(socket);
  };
  const ways: (() => Promise<unknown>)[] = [
    () => overTls(good, (socket) => socket.once("end", () => socket.destroy()).end("hello")),
    () => overTls(good, (socket) => socket.destroy()),
    async () => {
      const { tcp, tls } = await connectOver(proxy, good);
      tls.once("data", () => tcp.resetAndDestroy()).write("x");
      await closed(tcp);
    },
    () => overTls(stranger, (socket) => socket.end("x", () => socket.destroy())),
    () => overTls(undefined, (socket) => socket.end("x", () => socket.destroy())),
    async () => {
      const socket = raw();
      socket.end(randomBytes(200)).resume();
      await closed(socket);
    },
    async () => {
      const socket = raw();
      socket.once("connect", () => socket.end()).resume();
      await closed(socket);
    },
    async () => {
      const socket = raw();
      // A handshake's first record that never becomes whole.
      socket.once("connect", () =>
        socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]), () => socket.resetAndDestroy()),
      );
      await closed(socket);
    },
  ];
  let next = 0;
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      while (next < 10_000) await ways[next++ % ways.length]?.();
    }),
  );
  await until("no session", 30, async () => (await gauge(proxy, "portreeve_tls_sessions")) === 0);
  expect((await proxy.metrics()).match(/^portreeve_connections_total.*$/gm)?.length).toBeGreaterThan(1);
  for (let round = 0; round < 20; round++) {
    const own = createLeaf("proxy", proxy.ca, { dnsNames: ["localhost"], uris: ["spiffe://test.org/proxy"] });
    writeFileSync(join(scope.dir, "proxy.cert.pem"), own.cert);
    writeFileSync(join(scope.dir, "proxy.key.pem"), own.key);
    await proxy.reconfigure((config) => config);
  }
  await until(
    "one configuration",
    10,
    async () => (await gauge(proxy, "portreeve_tls_configurations")) === 1,
  );
});
