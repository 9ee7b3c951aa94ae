/**
 * What operators do and what happens to files: half-written configurations and key pairs, TLS versions, the admin socket,
 * records of long connections, a collector of records that never answers. A clock that steps is in relay/bounds.test.ts.
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type SecureVersion, connect as tlsConnect } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  type Parts,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;
let plainPort = 0;

beforeEach(async () => {
  scope = await openScope("proxy-operations");
  backend = await startBackend(scope);
  [port = 0, plainPort = 0] = await freePorts(2);
});

afterEach(() => scope.stop());

const service = (name: string, more: object = {}) => ({
  name,
  ports: [{ port: 7 }],
  endpoints: [{ host: "127.0.0.1", port: backend.port }],
  ...more,
});

const listener = (more: object = {}) => ({
  name: "echo",
  mode: "mtls" as const,
  bind: "127.0.0.1",
  port,
  service: "echo",
  ...more,
});

async function start(more: Partial<Parts> = {}): Promise<void> {
  proxy = await startProxy(scope, {
    listeners: [listener(), { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "echo" }],
    services: [service("echo")],
    rules: [{ id: "all", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.0/8"] } }],
    ...more,
  });
}

function plain(): Socket {
  const socket = connect({ host: "127.0.0.1", port: plainPort, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** Whether the backend answers on it. */
function answers(socket: Socket): Promise<boolean> {
  socket.on("error", () => {});
  return new Promise((done) => {
    socket.once("data", () => done(true));
    socket.once("close", () => done(false));
    socket.once("end", () => {
      socket.destroy();
      done(false);
    });
    socket.write("x");
  });
}

const policy = () => proxy.admin("GET", "/policy") as Promise<{ digest: string; lastReloadError?: string }>;
const file = (name: string) => join(scope.dir, name);

describe("files that are written in pieces, and found by the proxy itself", () => {
  test("a configuration: what is not whole is refused and said, what is whole comes into force", async () => {
    await start();
    const live = plain();
    expect(await answers(live)).toBe(true);
    const whole = readFileSync(file("proxy.yaml"), "utf8").replace("digest: test-1", "digest: test-2");
    expect(whole).toContain("test-2");
    writeFileSync(file("proxy.yaml"), whole.slice(0, whole.indexOf("rules:")));
    await until("the half is refused", 10, async () => (await policy()).lastReloadError !== undefined);
    expect((await policy()).digest).toBe("test-1");
    expect(await answers(plain())).toBe(true);
    writeFileSync(file("proxy.yaml"), whole);
    await until("the whole is in force", 10, async () => (await policy()).digest === "test-2");
    expect((await policy()).lastReloadError).toBeUndefined();
    expect(await answers(live)).toBe(true);
  });

  test("a key pair: a certificate whose key has not come yet is not shown", async () => {
    await start();
    const shown = async () => {
      const socket = await connectTls(proxy, port, proxy.client(API));
      const serial = socket.getPeerCertificate().serialNumber;
      expect(await answers(socket)).toBe(true);
      socket.destroy();
      return serial;
    };
    const before = await shown();
    const next = createLeaf("proxy", proxy.ca, {
      uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
      dnsNames: ["localhost"],
    });
    writeFileSync(file("proxy.cert.pem"), next.cert);
    await until("it is refused", 10, async () => (await policy()).lastReloadError !== undefined);
    expect(await shown()).toBe(before);
    writeFileSync(file("proxy.key.pem"), next.key);
    await until("it is shown", 10, async () => (await shown()) !== before);
  });
});

describe("TLS", () => {
  const version = (max: SecureVersion): Promise<string | undefined> =>
    new Promise((done) => {
      const { cert, key } = proxy.client(API);
      const socket = tlsConnect({
        host: "127.0.0.1",
        port,
        servername: "localhost",
        ca: proxy.ca.cert,
        cert,
        key,
        minVersion: "TLSv1",
        maxVersion: max,
        // OpenSSL offers nothing older than 1.2 at its default level.
        ciphers: "DEFAULT@SECLEVEL=0",
      });
      socket.once("error", () => done(undefined));
      socket.once("secureConnect", () => {
        void answers(socket).then((good) => {
          done(good ? (socket.getProtocol() ?? undefined) : undefined);
          socket.destroy();
        });
      });
    });

  test("is 1.3 unless 1.2 is allowed by configuration, and never older", async () => {
    await start();
    expect(await version("TLSv1.3")).toBe("TLSv1.3");
    expect(await version("TLSv1.2")).toBeUndefined();
    await proxy.reconfigure((config) => ({ ...config, listeners: [listener({ minVersion: "1.2" })] }));
    expect(await version("TLSv1.3")).toBe("TLSv1.3");
    expect(await version("TLSv1.2")).toBe("TLSv1.2");
    expect(await version("TLSv1.1")).toBeUndefined();
    expect(await proxy.record({ "tls.version": "TLSv1.2" })).toMatchObject({
      "src.identity": API,
      verdict: "allow",
    });
  });
});

test("the admin interface on a Unix socket is its owner's alone, and tells what TCP's does", async () => {
  const socketPath = file("admin.sock");
  await start({ admin: { socket: socketPath } });
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  const ask = (method: string, path: string): Promise<string> =>
    new Promise((done, failed) => {
      const asked = request({ socketPath, method, path }, (response) => {
        let text = "";
        response.on("data", (data) => {
          text += String(data);
        });
        response.on("end", () => done(text));
      });
      asked.once("error", failed);
      asked.end();
    });
  expect(JSON.parse(await ask("GET", "/policy"))).toMatchObject({ digest: "test-1" });
  expect(await ask("POST", "/log?level=debug")).toBe("set\n");
  expect(await ask("POST", "/log?level=everything")).toContain("level is debug, info, warn or error");
});

describe("records", () => {
  test("of a long connection come before its end, each with the bytes so far, and one close", async () => {
    await start({
      audit: {
        sinks: [{ type: "file", path: file("proxy.audit.jsonl"), fsync: "never" }],
        updateInterval: "300ms",
      },
    });
    const socket = plain();
    expect(await answers(socket)).toBe(true);
    await until(
      "two updates",
      10,
      () => proxy.records().filter(({ event }) => event === "update").length >= 2,
    );
    expect(proxy.records().find(({ event }) => event === "update")).toMatchObject({
      bytes_recv: 1,
      bytes_sent: 1,
      verdict: "allow",
    });
    socket.end();
    await proxy.record({ event: "close" });
    expect(proxy.records().filter(({ event }) => event === "close")).toHaveLength(1);
    expect(new Set(proxy.records().map(({ connection }) => connection)).size).toBe(1);
  });

  test("that a collector never takes hold up nobody, but where a record is required", async () => {
    const held: Socket[] = [];
    // Accepts, reads and never answers: the sink's queue of two is full after the first records.
    const collector = createServer((socket) => {
      held.push(socket);
      socket.resume();
    });
    await new Promise<void>((done) => collector.listen(0, "127.0.0.1", () => done()));
    scope.onStop(() => {
      for (const socket of held) socket.destroy();
      collector.close();
    });
    const address = collector.address();
    const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    await start({
      audit: { sinks: [{ type: "otlp", endpoint }], queue: 2 },
      listeners: [
        { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "echo" },
        { name: "strict", mode: "plaintext-loopback", port, service: "strict" },
      ],
      services: [service("echo"), service("strict", { audit: "required" })],
      rules: ["echo", "strict"].map((name) => ({
        id: name,
        action: "allow" as const,
        service: name,
        subjects: { cidrs: ["127.0.0.0/8"] },
      })),
    });
    for (let index = 0; index < 30; index++) {
      const socket = plain();
      expect(await answers(socket)).toBe(true);
      socket.destroy();
    }
    await until("what is not required is counted as lost", 20, async () =>
      /^portreeve_audit_lost_total [1-9]/m.test(await proxy.metrics()),
    );
    const dialled = backend.connections;
    expect(await answers(connect({ host: "127.0.0.1", port }))).toBe(false);
    expect(backend.connections).toBe(dialled);
    expect(await answers(plain())).toBe(true);
  });
});
