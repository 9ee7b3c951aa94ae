import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  OTHER,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

let scope: Scope;
let backend: Backend;
let port = 0;
let plainPort = 0;

beforeEach(async () => {
  scope = await openScope("proxy-life");
  backend = await startBackend(scope);
  [port = 0, plainPort = 0] = await freePorts(2);
});

afterEach(() => scope.stop());

type ServiceInput = Parts["services"][number];

function start(service: Partial<ServiceInput> = {}, more: Partial<Parts> = {}): Promise<TestProxy> {
  return startProxy(scope, {
    listeners: [
      { name: "echo", mode: "mtls", bind: "127.0.0.1", port, service: "echo" },
      { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "echo" },
    ],
    services: [
      {
        name: "echo",
        ports: [{ port: 7 }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        ...service,
      },
    ],
    rules: [
      { id: "api", action: "allow", service: "echo", subjects: { workloads: [API] } },
      { id: "other", action: "allow", service: "echo", subjects: { workloads: [OTHER] } },
      { id: "loopback", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.1/32"] }, when: {} },
    ],
    ...more,
  });
}

/** Says something and gets it back: the connection lives. */
async function echo(socket: Socket, text = "ping"): Promise<string> {
  const answer = new Promise<string>((done, failed) => {
    socket.once("data", (data) => done(data.toString()));
    socket.once("close", () => failed(new Error("closed")));
  });
  socket.write(text);
  return answer;
}

const ended = (socket: Socket): Promise<void> =>
  socket.destroyed || socket.readableEnded
    ? Promise.resolve()
    : new Promise((done) => {
        socket.once("end", done);
        socket.once("close", () => done());
        socket.once("error", () => done());
        socket.resume();
      });

const plain = (): Socket => connect({ host: "127.0.0.1", port: plainPort, allowHalfOpen: true });

/** Rules without the one that lets everybody on loopback in, so that identities decide. */
const byIdentity: Partial<Parts> = {
  rules: [
    { id: "api", action: "allow", service: "echo", subjects: { workloads: [API] } },
    { id: "other", action: "allow", service: "echo", subjects: { workloads: [OTHER] } },
  ],
};

describe("a reload", () => {
  test("closes exactly the connections that lost access, and keeps the others byte for byte", async () => {
    const proxy = await start({}, byIdentity);
    const kept = await connectTls(proxy, port, proxy.client(API));
    const lost = await connectTls(proxy, port, proxy.client(OTHER));
    expect(await echo(kept)).toBe("ping");
    expect(await echo(lost)).toBe("ping");
    const result = await proxy.reconfigure((config) => ({
      ...config,
      policy: { digest: "test-2" },
      rules: config.rules.filter(({ id }) => id !== "other"),
    }));
    expect(result.result).toBe("applied");
    await ended(lost);
    const big = randomBytes(2_000_000);
    const reading = readToEnd(kept);
    kept.end(big);
    expect((await reading).equals(big)).toBe(true);
    expect(await proxy.record({ "src.identity": OTHER })).toMatchObject({
      close: "access-lost",
      verdict: "deny",
      policy: "test-2",
    });
    expect(await proxy.record({ "src.identity": API })).toMatchObject({
      close: "client-closed",
      bytes_recv: big.length + 4,
    });
  });

  test("by a deny names the rule that closed the connection", async () => {
    const proxy = await start({}, byIdentity);
    const socket = await connectTls(proxy, port, proxy.client(API));
    await echo(socket);
    await proxy.reconfigure((config) => ({
      ...config,
      rules: [
        ...config.rules,
        {
          id: "stop-api",
          action: "deny",
          service: "echo",
          subjects: { workloads: [API] },
          origin: { file: "p.yaml", line: 4, col: 2 },
        },
      ],
    }));
    await ended(socket);
    expect(await proxy.record({ "src.identity": API })).toMatchObject({
      rule: "stop-api",
      position: "p.yaml:4:2",
    });
  });

  test("that drops a service and cannot bind a port is refused, and ends nobody, then or later", async () => {
    const proxy = await start(
      {},
      {
        services: [
          { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
          { name: "kept", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
        ],
        listeners: [{ name: "kept", mode: "mtls", bind: "127.0.0.1", port, service: "kept" }],
        rules: [{ id: "api", action: "allow", service: "kept", subjects: { workloads: [API] } }],
      },
    );
    const live = await connectTls(proxy, port, proxy.client(API));
    expect(await echo(live)).toBe("ping");
    let before: unknown;
    const result = await proxy.reconfigure((config) => {
      before = config;
      return {
        ...config,
        services: config.services.filter(({ name }) => name === "echo"),
        listeners: [
          { name: "taken", mode: "mtls", bind: "127.0.0.1", port: proxy.adminPort, service: "echo" },
        ],
        rules: [],
      };
    });
    expect(result).toMatchObject({ result: "refused" });
    expect(await echo(live)).toBe("ping");
    const again = await proxy.reconfigure(
      () => ({ ...(before as Parts), policy: { digest: "next" } }) as never,
    );
    expect(again).toEqual({ result: "applied" });
    expect(await echo(live)).toBe("ping");
    live.destroy();
  });

  test("to an invalid file is refused whole with the position, and nothing changes", async () => {
    const proxy = await start();
    const socket = await connectTls(proxy, port, proxy.client(API));
    await echo(socket);
    const file = join(scope.dir, "proxy.yaml");
    writeFileSync(file, "version: 1\nrules: []\nnonsense: 1\n");
    const result = (await proxy.admin("POST", "/reload")) as { result: string; error: string };
    expect(result.result).toBe("refused");
    expect(result.error).toContain("proxy.yaml:3:1: error PR181: nonsense: there is no such field");
    expect(await echo(socket)).toBe("ping");
    expect(await proxy.metrics()).toContain('portreeve_reloads_total{result="refused"} 1');
    expect(await proxy.admin("GET", "/policy")).toMatchObject({
      digest: "test-1",
      lastReloadError: expect.stringContaining("PR181"),
    });
  });

  test("of a trust bundle closes whom it no longer vouches for, and takes new clients of the new CA", async () => {
    const proxy = await start({}, byIdentity);
    const old = await connectTls(proxy, port, proxy.client(API));
    await echo(old);
    const next = createAuthority("next CA");
    const leaf = createLeaf("proxy", next, {
      dnsNames: ["localhost"],
      uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
    });
    writeFileSync(join(scope.dir, "proxy.ca.pem"), next.cert);
    writeFileSync(join(scope.dir, "proxy.cert.pem"), leaf.cert);
    writeFileSync(join(scope.dir, "proxy.key.pem"), leaf.key);
    expect(await proxy.admin("POST", "/reload")).toEqual({ result: "applied" });
    await ended(old);
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ close: "access-lost" });
    const fresh = await connectTls({ ...proxy, ca: next }, port, createLeaf("client", next, { uris: [API] }));
    expect(await echo(fresh)).toBe("ping");
  });

  test("comes by itself when a ConfigMap's symbolic link is swapped", async () => {
    const proxy = await start();
    const file = join(scope.dir, "proxy.yaml");
    const folder = (name: string) => join(scope.dir, name);
    // As kubelet does: the file is a link through `..data`, which is renamed onto the next version.
    mkdirSync(folder("v1"));
    renameSync(file, join(folder("v1"), "proxy.yaml"));
    symlinkSync("v1", folder("..data"));
    symlinkSync("..data/proxy.yaml", file);
    await proxy.admin("POST", "/reload");
    const text = await import("node:fs").then(({ readFileSync }) => readFileSync(file, "utf8"));
    mkdirSync(folder("v2"));
    writeFileSync(join(folder("v2"), "proxy.yaml"), text.replace("digest: test-1", "digest: test-swapped"));
    symlinkSync("v2", folder("..data_tmp"));
    renameSync(folder("..data_tmp"), folder("..data"));
    await until("the new policy is in force", 10, async () => {
      const { digest } = (await proxy.admin("GET", "/policy")) as { digest: string };
      return digest === "test-swapped";
    });
    unlinkSync(file);
  });

  test("a hundred times under load loses no byte and refuses no handshake of who keeps access", async () => {
    const proxy = await start();
    let stop = false;
    let count = 0;
    const failures: string[] = [];
    const client = proxy.client(API);
    const worker = async () => {
      while (!stop) {
        const sent = randomBytes(20_000);
        try {
          const socket = await connectTls(proxy, port, client);
          const reading = readToEnd(socket);
          socket.end(sent);
          if (!(await reading).equals(sent)) failures.push("bytes differ");
        } catch (error) {
          failures.push(String(error));
        }
        count += 1;
      }
    };
    const load = [worker(), worker(), worker(), worker()];
    for (let index = 0; index < 100; index++) {
      const own = createLeaf("proxy", proxy.ca, {
        uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
        dnsNames: ["localhost"],
      });
      // Every fourth reload brings a new certificate, with which the port is opened anew.
      if (index % 4 === 0) {
        writeFileSync(join(scope.dir, "proxy.key.pem"), own.key);
        writeFileSync(join(scope.dir, "proxy.cert.pem"), own.cert);
      }
      await proxy.reconfigure((config) => ({ ...config, policy: { digest: `test-${index}` } }));
    }
    stop = true;
    await Promise.all(load);
    expect(count).toBeGreaterThan(50);
    expect(failures).toEqual([]);
  });
});

describe("a rule with an end", () => {
  test("ends the connections that only it allowed, at that moment, without a reload", async () => {
    const expires = new Date(Date.now() + 3_000).toISOString();
    const proxy = await start(
      {},
      {
        rules: [
          {
            id: "for-a-while",
            action: "allow",
            service: "echo",
            subjects: { workloads: [API] },
            when: { expires },
          },
        ],
      },
    );
    const socket = await connectTls(proxy, port, proxy.client(API));
    expect(await echo(socket)).toBe("ping");
    await ended(socket);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires));
    expect(await proxy.record({ close: "access-lost" })).toMatchObject({ reason: "no-grant-for-workload" });
  });
});

describe("bounds", () => {
  test("idle, longest duration, bytes and half-close end a connection, each with its reason", async () => {
    const cases: [Partial<ServiceInput>, string, (socket: Socket) => void][] = [
      [{ idleTimeout: "300ms" }, "idle-timeout", () => {}],
      [{ maxDuration: "300ms" }, "max-duration", () => {}],
      [{ limits: { maxBytes: 1_000 } }, "byte-limit", (socket) => socket.write(randomBytes(5_000))],
    ];
    let proxy: TestProxy | undefined;
    for (const [service, reason, act] of cases) {
      if (!proxy) proxy = await start(service);
      else {
        await proxy.reconfigure((config) => ({
          ...config,
          services: [
            {
              name: "echo",
              ports: [{ port: 7 }],
              endpoints: [{ host: "127.0.0.1", port: backend.port }],
              ...service,
            },
          ],
        }));
      }
      const socket = plain();
      act(socket);
      await ended(socket);
      expect(await proxy.record({ close: reason })).toBeDefined();
    }
  });

  test("of connections refuse beyond the queue, and serve who waits when a place is free", async () => {
    const proxy = await start({ limits: { maxConnections: 1, queue: 1, queueTimeout: "10s" } });
    const first = plain();
    expect(await echo(first)).toBe("ping");
    const second = plain();
    const answer = echo(second, "waited");
    await until("one waits", 5, async () =>
      (await proxy.metrics()).includes('portreeve_queue_waiting{service="echo"} 1'),
    );
    const third = plain();
    await ended(third);
    expect(await proxy.record({ close: "limit", error: "queue-full" })).toBeDefined();
    first.end();
    expect(await answer).toBe("waited");
  });

  test("of handshakes: slow ones are closed at their time, and cost no place afterwards", async () => {
    const proxy = await start({}, { limits: { handshakeTimeout: "500ms", maxHandshakes: 50 } });
    const slow = Array.from({ length: 60 }, () => connect({ host: "127.0.0.1", port }));
    for (const socket of slow) socket.on("error", () => {});
    await Promise.all(slow.map(ended));
    await until(
      "all are recorded",
      10,
      () => proxy.records().filter(({ close }) => close === "handshake-timeout").length === 50,
    );
    expect(await proxy.metrics()).toContain(
      'portreeve_refused_at_accept_total{listener="echo",reason="handshakes"} 10',
    );
    const socket = await connectTls(proxy, port, proxy.client(API));
    expect(await echo(socket)).toBe("ping");
  });
});

describe("a backend", () => {
  test("that refuses, resets, or never answers ends the connection with its reason", async () => {
    const [closedPort = 0] = await freePorts(1);
    const resetting = await startBackend(scope, (socket) => {
      // Not at once: a reset that overtakes the connection is a failed connect.
      socket.once("data", () => socket.resetAndDestroy());
    });
    const proxy = await start({ endpoints: [{ host: "127.0.0.1", port: closedPort }] });
    const refused = plain();
    await ended(refused);
    expect(await proxy.record({ close: "connect-failed" })).toMatchObject({
      error: "127.0.0.1: ECONNREFUSED",
    });
    const to = (endpoint: number) =>
      proxy.reconfigure((config) => ({
        ...config,
        services: [
          { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: endpoint }] },
        ],
      }));
    await to(resetting.port);
    const reset = plain();
    reset.write("x");
    await ended(reset);
    expect(await proxy.record({ close: "upstream-reset" })).toBeDefined();
  });

  test("one of several that is down costs nobody a connection", async () => {
    const [closedPort = 0] = await freePorts(1);
    await start({
      endpoints: [
        { host: "127.0.0.1", port: closedPort },
        { host: "127.0.0.1", port: backend.port },
      ],
    });
    for (let index = 0; index < 20; index++) {
      const socket = plain();
      expect(await echo(socket)).toBe("ping");
      socket.end();
    }
  });

  test("that reads slowly holds its sender back instead of the proxy's memory", async () => {
    const stuck = await startBackend(scope, (socket) => socket.pause());
    const proxy = await start({ endpoints: [{ host: "127.0.0.1", port: stuck.port }] });
    const before = await residentMemory(proxy);
    const sockets = Array.from({ length: 20 }, () => plain());
    let accepted = 0;
    for (const socket of sockets) {
      const chunk = randomBytes(1_000_000);
      for (let index = 0; index < 20; index++)
        if (socket.write(chunk, () => (accepted += chunk.length))) break;
    }
    await until("the senders are held back", 10, async () => {
      const seen = accepted;
      await new Promise((done) => setTimeout(done, 500));
      return accepted === seen;
    });
    const grown = (await residentMemory(proxy)) - before;
    for (const socket of sockets) socket.destroy();
    // 400 MB were offered; a megabyte for each connection is far below what one without back-pressure would hold.
    expect(grown).toBeLessThan(60_000_000);
  });

  test("gets a PROXY header with the client's SPIFFE ID when it asks for it", async () => {
    const proxy = await start({ proxyProtocol: { version: "v2", spiffeId: true } });
    const socket = await connectTls(proxy, port, proxy.client(API));
    const answer = await echo(socket, "x");
    expect(answer.startsWith("\r\n\r\n\0\r\nQUIT\n")).toBe(true);
    expect(answer).toContain(API);
  });
});

describe("a PROXY header from a balancer", () => {
  const withHeader = (from: string): Partial<Parts> => ({
    listeners: [
      {
        name: "plain",
        mode: "plaintext-loopback",
        port: plainPort,
        service: "echo",
        proxyProtocol: { from: [from] },
      },
    ],
    rules: [{ id: "office", action: "allow", service: "echo", subjects: { cidrs: ["192.0.2.0/24"] } }],
  });

  test("is believed from where balancers are, and decides", async () => {
    const proxy = await start({}, withHeader("127.0.0.0/8"));
    const good = plain();
    expect(await echo(good, "PROXY TCP4 192.0.2.7 127.0.0.1 4000 1\r\nhello")).toBe("hello");
    good.end();
    expect(await proxy.record({ "src.addr": "192.0.2.7:4000" })).toMatchObject({
      rule: "office",
      "src.peer": "127.0.0.1",
    });
    const outside = plain();
    outside.write("PROXY TCP4 198.51.100.7 127.0.0.1 4000 1\r\nhello");
    await ended(outside);
    expect(await proxy.record({ "src.addr": "198.51.100.7:4000" })).toMatchObject({ verdict: "deny" });
    const none = plain();
    none.write("hello, no header");
    await ended(none);
    expect(await proxy.record({ close: "proxy-header-refused" })).toBeDefined();
  });

  test("from anybody else is nothing but bytes, and gives no other address", async () => {
    const proxy = await start({}, withHeader("203.0.113.0/24"));
    const socket = plain();
    socket.write("PROXY TCP4 192.0.2.7 127.0.0.1 4000 1\r\nhello");
    await ended(socket);
    const record = await proxy.record({ close: "denied" });
    expect(record["src.addr"]).toMatch(/^127\.0\.0\.1:/);
    expect(backend.connections).toBe(0);
  });
});

describe("records", () => {
  test("account for every byte: their sums are the backend's", async () => {
    const proxy = await start();
    const client = proxy.client(API);
    let sent = 0;
    for (let index = 0; index < 30; index++) {
      const size = 1 + ((index * 7919) % 50_000);
      const socket = index % 2 === 0 ? plain() : await connectTls(proxy, port, client);
      const reading = readToEnd(socket);
      socket.end(randomBytes(size));
      await reading;
      sent += size;
    }
    await until("all records are there", 10, () => proxy.records().length === 30);
    const sum = (key: string) => proxy.records().reduce((total, record) => total + Number(record[key]), 0);
    expect(sum("bytes_recv")).toBe(sent);
    expect(backend.bytes).toBe(sent);
    expect(sum("bytes_sent")).toBe(sent);
    const metrics = await proxy.metrics();
    const counted = [...metrics.matchAll(/^istio_tcp_received_bytes_total\{.*\} (\d+)$/gm)].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
    expect(counted).toBe(sent);
  });

  test("are rotated by size, none lost", async () => {
    const file = join(scope.dir, "rotated.jsonl");
    await start(
      {},
      { audit: { sinks: [{ type: "file", path: file, maxBytes: 4_000, maxFiles: 50, fsync: "never" }] } },
    );
    for (let index = 0; index < 40; index++) {
      const socket = plain();
      await echo(socket);
      socket.end();
      await ended(socket);
    }
    const { readdirSync, readFileSync } = await import("node:fs");
    await until("all records are there", 10, () => {
      const files = readdirSync(scope.dir).filter((name) => name.startsWith("rotated.jsonl"));
      const lines = files.flatMap((name) =>
        readFileSync(join(scope.dir, name), "utf8").split("\n").filter(Boolean),
      );
      return (
        files.length > 3 &&
        // A chain has lines of its own, which are of no connection.
        new Set(lines.flatMap((line) => (JSON.parse(line) as { connection?: string }).connection ?? []))
          .size === 40
      );
    });
    expect(statSync(file).size).toBeLessThanOrEqual(4_000);
  });

  test("that cannot be written stop new connections where they are required, and only there", async () => {
    const proxy = await start(
      {},
      {
        audit: { sinks: [{ type: "file", path: "/dev/full", fsync: "never" }] },
        services: [
          { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
          {
            name: "strict",
            ports: [{ port: 7 }],
            endpoints: [{ host: "127.0.0.1", port: backend.port }],
            audit: "required",
          },
        ],
        listeners: [
          { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "echo" },
          { name: "strict", mode: "plaintext-loopback", port, service: "strict" },
        ],
        rules: ["echo", "strict"].map((service) => ({
          id: service,
          action: "allow" as const,
          service,
          subjects: { cidrs: ["127.0.0.0/8"] },
        })),
      },
    );
    // The first record finds the disk full.
    const first = plain();
    expect(await echo(first)).toBe("ping");
    first.end();
    await ended(first);
    await until("the failure is noticed", 10, () =>
      proxy.running.log().includes("records cannot be written"),
    );
    const strict = connect({ host: "127.0.0.1", port });
    await ended(strict);
    expect(await proxy.metrics()).toContain(
      'portreeve_connections_total{listener="strict",reason="audit-unavailable"} 1',
    );
    expect(await echo(plain())).toBe("ping");
  });
});

describe("SIGTERM", () => {
  test("stops accepting, lets a connection finish in time without a reset, and writes its record", async () => {
    const proxy = await start({}, { drain: { deadline: "20s" } });
    const socket = plain();
    expect(await echo(socket)).toBe("ping");
    process.kill(proxy.running.pid, "SIGTERM");
    await until(
      "it refuses",
      10,
      () =>
        new Promise<boolean>((done) => {
          const late = plain();
          late.once("error", () => done(true));
          late.once("connect", () => {
            late.destroy();
            done(false);
          });
        }),
    );
    expect(await echo(socket, "still here")).toBe("still here");
    let error: Error | undefined;
    socket.once("error", (cause) => {
      error = cause;
    });
    const reading = readToEnd(socket);
    socket.end("bye");
    expect((await reading).toString()).toBe("bye");
    expect(error).toBeUndefined();
    expect(await proxy.record({ close: "client-closed", bytes_recv: 17 })).toBeDefined();
    await until("it has stopped", 10, () => proxy.running.log().includes('"message":"stopped"'));
  });

  test("closes what is left at the deadline, with its record", async () => {
    const proxy = await start({}, { drain: { deadline: "300ms" } });
    const socket = plain();
    await echo(socket);
    process.kill(proxy.running.pid, "SIGTERM");
    await ended(socket);
    expect(await proxy.record({ close: "drain-deadline" })).toMatchObject({ verdict: "allow" });
  });
});

describe("the admin interface", () => {
  test("shows live connections, closes one, and answers for a connection that is not there", async () => {
    const proxy = await start();
    const socket = plain();
    await echo(socket);
    const [live] = (await proxy.admin("GET", "/connections")) as {
      id: string;
      service: string;
      bytesReceived: number;
    }[];
    expect(live).toMatchObject({ service: "echo", bytesReceived: 4, phase: "relay" });
    expect(
      await proxy.admin("GET", `/verdict?service=echo&port=7&workload=${OTHER}&source=10.0.0.1`),
    ).toMatchObject({ verdict: "allow", rule: "other" });
    expect(await proxy.admin("GET", "/verdict?service=echo&port=7&source=10.0.0.1")).toMatchObject({
      verdict: "deny",
    });
    await proxy.admin("POST", `/connections/${live?.id}/close`);
    await ended(socket);
    expect(await proxy.record({ close: "admin" })).toMatchObject({ connection: live?.id });
  });

  test("does not answer a browser, nor a name that somebody has made point to loopback", async () => {
    const proxy = await start();
    const ask = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((done, failed) => {
        const options = { host: "127.0.0.1", port: proxy.adminPort, path: "/connections", headers };
        get(options, (response) => {
          response.resume();
          done(response.statusCode);
        }).once("error", failed);
      });
    expect(await ask({ origin: "http://evil.example" })).toBe(403);
    expect(await ask({ host: "evil.example" })).toBe(403);
    expect(await ask({ host: `127.0.0.1:${proxy.adminPort}` })).toBe(200);
    expect(await ask({ host: "localhost" })).toBe(200);
  });
});

async function residentMemory(proxy: TestProxy): Promise<number> {
  return Number(/^portreeve_memory_bytes (\d+)/m.exec(await proxy.metrics())?.[1]);
}
