/** Limits of agents and of each principal under a rule, at the running proxy. That they hold per worker is not tested here. */
import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
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
  TRUST_DOMAIN,
} from "./harness.ts";

const bot = (name: string) => `spiffe://${TRUST_DOMAIN}/ns/ai/sa/${name}`;
const agents = [
  { name: "few", maxConnections: 1 },
  { name: "slow", connectionsPerMinute: 2 },
  { name: "short", maxDuration: "1s" },
  { name: "narrow", maxBytes: 100 },
].map((agent) => ({
  ...agent,
  owner: "okta:alice",
  workloads: [bot(agent.name)],
  onBehalfOfUser: "okta:alice",
  onBehalfOf: { users: ["okta:alice"] },
}));

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;

beforeAll(async () => {
  scope = await openScope("proxy-limits");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
  const workloads = [API, OTHER, ...agents.flatMap((agent) => agent.workloads)];
  proxy = await startProxy(scope, {
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
    services: [
      {
        name: "s",
        ports: [{ port: 1, protocol: "tcp" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: [
      {
        id: "r",
        action: "allow",
        service: "s",
        subjects: { workloads, users: ["okta:alice"], agents: agents.map(({ name }) => name) },
        limits: { maxConnectionsPerPrincipal: 2 },
      },
    ],
    agents,
  });
});

afterAll(() => scope?.stop());

/** A connection that the backend has answered on, or what came instead. */
async function open(uri: string): Promise<TLSSocket | "refused"> {
  const socket = await connectTls(proxy, port, proxy.client(uri));
  socket.on("error", () => {});
  const answer = new Promise<string>((done) => {
    socket.once("data", (data: Buffer) => done(data.toString()));
    socket.once("end", () => done(""));
    socket.once("close", () => done(""));
  });
  socket.write("hi");
  if ((await answer) === "hi") return socket;
  socket.destroy();
  return "refused";
}

async function opened(uri: string): Promise<TLSSocket> {
  const socket = await open(uri);
  if (socket === "refused") throw new Error(`${uri} was refused`);
  return socket;
}

async function closed(socket: TLSSocket): Promise<void> {
  const before = proxy.records().filter(({ event }) => event === "close").length;
  socket.end();
  await once(socket, "close");
  await proxy.record({ event: "close" });
  await expect
    .poll(() => proxy.records().filter(({ event }) => event === "close").length)
    .toBeGreaterThan(before);
}

test("an agent has as many connections as it may, the next is not dialled, and a place given back is free", async () => {
  const first = await opened(bot("few"));
  const dialled = backend.connections;
  expect(await open(bot("few"))).toBe("refused");
  const record = await proxy.record({ close: "limit", error: "agent few" });
  // The policy allows it; that nobody got through is said by the rest.
  expect(record).toMatchObject({ verdict: "allow", reason: "allowed", bytes_sent: 0 });
  expect(record["dst.addr"]).toBeUndefined();
  expect(backend.connections).toBe(dialled);
  await closed(first);
  const again = await opened(bot("few"));
  await closed(again);
});

test("an agent opens as many connections in a minute as it may, however short they are", async () => {
  for (let index = 0; index < 2; index++) await closed(await opened(bot("slow")));
  expect(await open(bot("slow"))).toBe("refused");
  expect(await proxy.record({ error: "rate of agent slow" })).toBeDefined();
});

test("an agent's connection ends when it has lasted as long as it may", async () => {
  const socket = await opened(bot("short"));
  const began = performance.now();
  await readToEnd(socket);
  expect(performance.now() - began).toBeGreaterThan(500);
  const record = await proxy.record({ event: "close", "src.identity": bot("short") });
  expect(record["close"]).toBe("max-duration");
});

test("an agent's connection ends when it has moved more bytes than it may", async () => {
  const socket = await opened(bot("narrow"));
  socket.write(Buffer.alloc(200));
  await readToEnd(socket);
  const record = await proxy.record({ event: "close", "src.identity": bot("narrow") });
  expect(record["close"]).toBe("byte-limit");
});

test("a rule's bound is each principal's own", async () => {
  const api = [await opened(API), await opened(API)];
  expect(await open(API)).toBe("refused");
  expect(await proxy.record({ error: "rule r, for each principal" })).toBeDefined();
  const other = await opened(OTHER);
  for (const socket of [...api, other]) await closed(socket);
});
