import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import {
  API,
  type Backend,
  connectTls,
  OTHER,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

let scope: Scope;
let proxy: TestProxy;
let backend: Backend;
let port = 0;
let plainPort = 0;
let sharedPort = 0;
let passthroughPort = 0;

beforeAll(async () => {
  scope = await openScope("proxy-smoke");
  backend = await startBackend(scope);
  [port = 0, plainPort = 0, sharedPort = 0, passthroughPort = 0] = await freePorts(4);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "echo", mode: "mtls", bind: "127.0.0.1", port, service: "echo" },
      { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "open" },
      { name: "shared", mode: "connect", bind: "127.0.0.1", port: sharedPort },
      {
        name: "sni",
        mode: "passthrough",
        bind: "127.0.0.1",
        port: passthroughPort,
        routes: [{ sni: ["db.example.com"], service: "open" }],
      },
    ],
    services: [
      { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      { name: "open", ports: [{ port: 8 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      { id: "api", action: "allow", service: "echo", subjects: { workloads: [API] } },
      { id: "loopback", action: "allow", service: "open", subjects: { cidrs: ["127.0.0.0/8"] } },
    ],
  });
});

afterAll(() => scope.stop());

describe("the running proxy", () => {
  test("relays a granted workload whole, half-close included, and records who it was", async () => {
    const socket = await connectTls(proxy, port, proxy.client(API));
    const sent = randomBytes(3_000_000);
    const reading = readToEnd(socket);
    socket.end(sent);
    expect((await reading).equals(sent)).toBe(true);
    const record = await proxy.record({ "src.identity": API, close: "client-closed" });
    expect(record).toMatchObject({
      verdict: "allow",
      rule: "api",
      "src.namespace": "shop",
      "src.workload": "api",
      "dst.service": "echo",
      "dst.addr": `127.0.0.1:${backend.port}`,
      bytes_sent: sent.length,
      bytes_recv: sent.length,
      policy: "test-1",
      "tls.version": "TLSv1.3",
    });
  });

  test("refuses a workload without a grant before anything is dialled", async () => {
    const before = backend.connections;
    const socket = await connectTls(proxy, port, proxy.client(OTHER));
    expect(await readToEnd(socket)).toHaveLength(0);
    const record = await proxy.record({ "src.identity": OTHER });
    expect(record).toMatchObject({ verdict: "deny", reason: "no-grant-for-workload", close: "denied" });
    expect(record["dst.addr"]).toBeUndefined();
    expect(backend.connections).toBe(before);
  });

  test("refuses a client without a certificate, and one of a foreign CA that claims the same name", async () => {
    const before = backend.connections;
    const foreign = createLeaf("client", createAuthority("foreign"), { uris: [API] });
    for (const client of [undefined, foreign]) {
      const bytes = await connectTls(proxy, port, client).then(readToEnd, () => Buffer.alloc(0));
      expect(bytes).toHaveLength(0);
    }
    expect(
      await proxy.record({ close: "handshake-failed", error: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }),
    ).toBeDefined();
    expect(backend.connections).toBe(before);
  });

  test("relays plaintext on loopback", async () => {
    const socket = connect({ host: "127.0.0.1", port: plainPort, allowHalfOpen: true });
    const sent = randomBytes(1_000_000);
    socket.end(sent);
    expect((await readToEnd(socket)).equals(sent)).toBe(true);
  });

  test("lets a client name its service by CONNECT, and gives it no other", async () => {
    const ask = async (target: string): Promise<string> => {
      const socket = await connectTls(proxy, sharedPort, proxy.client(API));
      socket.end(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nhello`);
      return (await readToEnd(socket)).toString();
    };
    expect(await ask("echo:7")).toBe("HTTP/1.1 200 Connection established\r\n\r\nhello");
    expect(await ask("open:7")).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask("169.254.169.254:80")).toMatch(/^HTTP\/1\.1 403 /);
  });

  test("passes TLS through by its server name without ending it, and refuses other names", async () => {
    const before = backend.connections;
    const hello = clientHello("db.example.com");
    const socket = connect({ host: "127.0.0.1", port: passthroughPort, allowHalfOpen: true });
    socket.end(hello);
    expect((await readToEnd(socket)).equals(hello)).toBe(true);
    const other = connect({ host: "127.0.0.1", port: passthroughPort, allowHalfOpen: true });
    other.write(clientHello("else.example.com"));
    expect(await readToEnd(other)).toHaveLength(0);
    expect(backend.connections).toBe(before + 1);
  });

  test("counts under Istio's names, with every label that Kiali needs to draw the edge and its padlock", async () => {
    const metrics = await proxy.metrics();
    const line = metrics
      .split("\n")
      .find((one) => one.startsWith("istio_tcp_connections_opened_total{") && one.includes(API));
    const labels = [...(line ?? "").matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name]) => name);
    expect(labels).toEqual(expect.arrayContaining(KIALI_LABELS));
    expect(line).toContain('connection_security_policy="mutual_tls"');
    for (const name of ["opened", "closed"]) expect(metrics).toContain(`istio_tcp_connections_${name}_total`);
    for (const name of ["sent", "received"]) expect(metrics).toContain(`istio_tcp_${name}_bytes_total`);
  });

  test("writes exactly one close record for each connection", async () => {
    const seen = new Map<unknown, number>();
    for (const { connection } of proxy.records()) seen.set(connection, (seen.get(connection) ?? 0) + 1);
    expect(seen.size).toBeGreaterThan(5);
    expect([...seen.values()].every((count) => count === 1)).toBe(true);
  });
});

const KIALI_LABELS = [
  "reporter",
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_canonical_service",
  "source_canonical_revision",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_canonical_service",
  "destination_canonical_revision",
  "connection_security_policy",
  "response_flags",
];

/** A minimal ClientHello with a server name. */
function clientHello(name: string): Buffer {
  const host = Buffer.from(name);
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const list = Buffer.concat([Buffer.from([0]), u16(host.length), host]);
  const extension = Buffer.concat([u16(0), u16(list.length + 2), u16(list.length), list]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    randomBytes(32),
    Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
    u16(extension.length),
    extension,
  ]);
  const length = Buffer.from([0, body.length >> 8, body.length & 255]);
  const handshake = Buffer.concat([Buffer.from([1]), length, body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), u16(handshake.length), handshake]);
}
