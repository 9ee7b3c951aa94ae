/*
 * Plain sockets, both kinds: those that the proxy drives itself (`proxy-image/runtime/native`, on Linux) and the runtime's
 * (`PORTREEVE_SOCKETS=runtime`, what macOS and an unknown C library get). The other files here run with the former.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  connectTls,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

describe.each(["native", "runtime"])("plain sockets, %s", (kind) => {
  let scope: Scope;
  let port = 0;
  let tlsPort = 0;

  beforeEach(async () => {
    scope = await openScope("proxy-sockets");
    [port = 0, tlsPort = 0] = await freePorts(2);
  });

  afterEach(() => scope.stop());

  function start(endpoint: Parts["services"][number]["endpoints"][number]): Promise<TestProxy> {
    const parts: Parts = {
      listeners: [
        { name: "plain", mode: "plaintext-loopback", port, service: "s" },
        { name: "tls", mode: "mtls", bind: "127.0.0.1", port: tlsPort, service: "s" },
      ],
      services: [{ name: "s", ports: [{ port: 7 }], endpoints: [endpoint] }],
      rules: [
        { id: "loopback", action: "allow", service: "s", subjects: { cidrs: ["127.0.0.0/8"] } },
        { id: "api", action: "allow", service: "s", subjects: { workloads: [API] } },
      ],
    };
    const { PATH = "", HOME = "" } = process.env;
    return startProxy(scope, parts, "proxy", { PATH, HOME, PORTREEVE_SOCKETS: kind });
  }

  const client = (): Socket => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.on("error", () => {});
    return socket;
  };

  test("are what was asked for: an epoll of the proxy's own, or none", async () => {
    const backend = await startBackend(scope);
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const folder = `/proc/${proxy.running.pid}/fd`;
    const epolls = readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).includes("eventpoll"));
    expect(epolls).toHaveLength(kind === "native" ? 2 : 1);
  });

  test("40 MB each way at once, past a slow reader, arrive whole, in order, and are counted", async () => {
    const size = 40 * 1024 * 1024;
    const down = randomBytes(size);
    const up = randomBytes(size);
    const got = createHash("sha256");
    let received = 0;
    const backend = await startBackend(scope, (socket) => {
      socket.end(down);
      socket.on("data", (data: Buffer) => {
        got.update(data);
        received += data.length;
        // Slower than the client sends, so that the proxy has to hold it back.
        if (received % 7 === 0) {
          socket.pause();
          setImmediate(() => socket.resume());
        }
      });
    });
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const sockets = [client(), await connectTls(proxy, tlsPort, proxy.client(API))];
    for (const socket of sockets) {
      received = 0;
      const reading = readToEnd(socket);
      socket.end(up);
      expect(sha(await reading)).toBe(sha(down));
      await until("all is at the backend", 30, () => received === size);
      const record = await proxy.record({ bytes_sent: size, bytes_recv: size });
      expect(record["error"]).toBeUndefined();
    }
    expect(got.digest("hex")).toBe(
      createHash("sha256")
        .update(Buffer.concat([up, up]))
        .digest("hex"),
    );
  });

  test("two hundred at once get their own bytes back, and no others'", async () => {
    const backend = await startBackend(scope);
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const own = Array.from({ length: 200 }, () => randomBytes(50_000 + Math.floor(Math.random() * 50_000)));
    const answers = await Promise.all(
      own.map((bytes) => {
        const socket = client();
        const reading = readToEnd(socket);
        for (let at = 0; at < bytes.length; at += 9_000) socket.write(bytes.subarray(at, at + 9_000));
        socket.end();
        return reading;
      }),
    );
    for (const [index, answer] of answers.entries())
      expect(sha(answer)).toBe(sha(own[index] ?? randomBytes(1)));
    await until("a record of each", 10, () => proxy.records().length === own.length);
  });

  test("a client that resets is told apart from one that ends", async () => {
    const backend = await startBackend(scope);
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const resetting = client();
    resetting.write("hello");
    await new Promise((done) => resetting.once("data", done));
    resetting.resetAndDestroy();
    expect(await proxy.record({ close: "client-reset" })).toMatchObject({ error: "ECONNRESET" });
    const ending = client();
    const reading = readToEnd(ending);
    ending.end("bye");
    expect((await reading).toString()).toBe("bye");
    await proxy.record({ close: "client-closed", bytes_recv: 3 });
    await until("the backend is left", 10, () => backend.sockets.size === 0);
  });

  test("an endpoint that resets resets the client", async () => {
    const backend = await startBackend(scope, (socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const socket = client();
    const failed = new Promise<NodeJS.ErrnoException>((done) => socket.once("error", done));
    socket.write("hello");
    expect((await failed).code).toBe("ECONNRESET");
    expect(await proxy.record({ close: "upstream-reset" })).toMatchObject({ error: "ECONNRESET" });
  });

  test("an endpoint that is not there, and one that cannot be reached, are named", async () => {
    const [closed = 0] = await freePorts(1);
    const proxy = await start({ host: "127.0.0.1", port: closed });
    await readToEnd(client());
    expect((await proxy.record({ close: "connect-failed" }))["error"]).toContain("ECONNREFUSED");
    await proxy.reconfigure((config) => ({
      ...config,
      // Broadcast: refused by the kernel before anything is sent.
      services: [{ name: "s", ports: [{ port: 7 }], endpoints: [{ host: "255.255.255.255", port: closed }] }],
    }));
    await readToEnd(client());
    await until("both are recorded", 10, () => proxy.records().length === 2);
    expect(proxy.records()[1]).toMatchObject({ close: "connect-failed" });
    expect(proxy.records()[1]?.["error"]).toMatch(kind === "native" ? /ENETUNREACH|EACCES/ : /E[A-Z]+/);
  });

  test("IPv6 too", async () => {
    const server = createServer((socket) => void socket.pipe(socket));
    await new Promise<void>((done) => {
      server.listen(0, "::1", () => done());
    });
    scope.onStop(() => void server.close());
    const address = server.address();
    const at = typeof address === "object" && address ? address.port : 0;
    const proxy = await start({ host: "::1", port: at });
    const socket = client();
    const reading = readToEnd(socket);
    socket.end("six");
    expect((await reading).toString()).toBe("six");
    expect((await proxy.record({ bytes_recv: 3 }))["dst.addr"]).toContain("::1");
  });

  test("a client that left before its endpoint answered leaves nothing behind", async () => {
    const backend = await startBackend(scope);
    const proxy = await start({ host: "127.0.0.1", port: backend.port });
    const open = () => readdirSync(`/proc/${proxy.running.pid}/fd`).length;
    const before = open();
    for (let index = 0; index < 300; index++) {
      const socket = client();
      await new Promise((done) => socket.once("connect", done));
      if (index % 3 === 0) socket.resetAndDestroy();
      else if (index % 3 === 1) socket.destroy();
      else socket.end("x").resume();
    }
    await until("all are recorded", 20, () => proxy.records().length === 300);
    await until("all descriptors are closed", 10, () => open() <= before);
  });
});

function sha(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
