/**
 * Hostile bytes of clients that have proved who they are: CONNECT heads on the shared port, and first bytes on ports whose
 * protocol the proxy reads for its notes, which must arrive as they were sent. Seeded (`PROXY_HOSTILE_SEED`).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
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
import { hostileInput, OPENINGS, random } from "./hostile-corpus.ts";

const seed = Number(process.env["PROXY_HOSTILE_SEED"] ?? Date.now() % 1_000_000_007);
const PROTOCOLS = ["postgres", "redis", "mongo", "kafka", "mysql", "tls"] as const;
const ENDS = new Set(["client-closed", "upstream-closed"]);

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let ports: number[] = [];
let sharedPort = 0;

beforeAll(async () => {
  scope = await openScope("proxy-inside-tls");
  backend = await startBackend(scope);
  [sharedPort = 0, ...ports] = await freePorts(PROTOCOLS.length + 1);
  proxy = await startProxy(scope, {
    limits: { handshakeTimeout: "1s" },
    listeners: [
      { name: "shared", mode: "connect", bind: "127.0.0.1", port: sharedPort },
      ...PROTOCOLS.map((name, index) => ({
        name,
        mode: "mtls" as const,
        bind: "127.0.0.1",
        port: ports[index] ?? 0,
        service: name,
      })),
    ],
    services: PROTOCOLS.map((protocol, index) => ({
      name: protocol,
      ports: [{ port: 1_000 + index, protocol }],
      endpoints: [{ host: "127.0.0.1", port: backend.port }],
      // TLS comes first here: what is inside is not looked at but for notes.
      ...(protocol === "mysql" || protocol === "postgres" ? { inlineTls: false } : {}),
    })),
    rules: PROTOCOLS.map((service) => ({
      id: service,
      action: "allow" as const,
      service,
      subjects: { workloads: [API] },
    })),
  });
});

afterAll(() => scope?.stop());

/** In lanes of ten at a time. */
async function eachOf<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: 10 }, lane));
}

function inputs(count: number, salt: number): { readonly name: string; readonly bytes: Uint8Array }[] {
  const next = random(seed + salt);
  return [
    ...OPENINGS.map(([name, bytes]) => ({ name, bytes })),
    ...Array.from({ length: count }, () => hostileInput(next)),
  ];
}

const recordsOf = (listener: string) => proxy.records().filter((record) => record["listener"] === listener);

test(`no CONNECT, however made, lets a workload without a grant through (PROXY_HOSTILE_SEED=${seed})`, async () => {
  const client = proxy.client(OTHER);
  const next = random(seed);
  const valid = PROTOCOLS.map(
    (name, index) => `CONNECT ${name}:${1_000 + index} HTTP/1.1\r\nHost: ${name}\r\n\r\n`,
  );
  const damaged = Array.from({ length: 150 }, () => {
    const bytes = Buffer.from(valid[next(valid.length)] ?? "");
    for (let count = next(4); count > 0; count--) bytes[next(bytes.length)] = next(256);
    return { name: `CONNECT ${bytes.toString("latin1")}`, bytes };
  });
  const all = [...inputs(100, 1), ...damaged];
  const dialled = backend.connections;
  await eachOf(all, async ({ name, bytes }) => {
    const socket = await connectTls(proxy, sharedPort, client);
    const reading = readToEnd(socket);
    socket.end(bytes);
    const answer = (await reading).toString("latin1");
    expect(answer, name).not.toContain(" 200 Connection established");
    socket.destroy();
  });
  await until("a record of each", 20, () => recordsOf("shared").length === all.length);
  expect(recordsOf("shared").filter(({ verdict }) => verdict === "allow")).toEqual([]);
  expect(backend.connections).toBe(dialled);
});

describe.each(PROTOCOLS.map((name, index) => [name, index] as const))(
  "what is sent to a %s service",
  (name, index) => {
    test(`arrives as it was sent, whatever it is, and is counted to the byte (PROXY_HOSTILE_SEED=${seed})`, async () => {
      const client = proxy.client(API);
      const all = inputs(60, index + 2);
      const before = backend.bytes;
      await eachOf(all, async (input) => {
        const socket = await connectTls(proxy, ports[index] ?? 0, client);
        const reading = readToEnd(socket);
        const bytes = Buffer.from(input.bytes);
        socket.end(bytes);
        expect((await reading).equals(bytes), input.name).toBe(true);
      });
      await until("a record of each", 20, () => recordsOf(name).length === all.length);
      const sent = all.reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(backend.bytes - before).toBe(sent);
      for (const key of ["bytes_recv", "bytes_sent"]) {
        expect(recordsOf(name).reduce((sum, record) => sum + Number(record[key]), 0)).toBe(sent);
      }
      expect(recordsOf(name).filter(({ close }) => !ENDS.has(String(close)))).toEqual([]);
    });
  },
);
