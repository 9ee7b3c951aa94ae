import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { type Backend, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";

/** 64 of them are kept for everything else, and each connection takes two. */
const DESCRIPTORS = 84;
const CONNECTIONS = 10;

let scope: Scope;
let proxy: TestProxy;
let backend: Backend;
let port = 0;

beforeAll(async () => {
  scope = await openScope("proxy-descriptors");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
  const parts = {
    listeners: [{ name: "plain", mode: "plaintext-loopback" as const, port, service: "open" }],
    services: [
      { name: "open", ports: [{ port: 8 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      {
        id: "loopback",
        action: "allow" as const,
        service: "open",
        subjects: { cidrs: ["127.0.0.0/8"] },
      },
    ],
  };
  // The soft limit is lower still: it is raised by the runtime.
  const wrap = ["sh", "-c", `ulimit -Sn 70; ulimit -Hn ${DESCRIPTORS}; exec "$@"`, "sh"];
  proxy = await startProxy(scope, parts, "proxy", undefined, wrap);
});

afterAll(() => scope.stop());

function open(): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  return socket;
}

async function echoes(socket: Socket): Promise<boolean> {
  return new Promise((done) => {
    socket.once("data", () => done(true));
    socket.once("close", () => done(false));
    socket.write("ping");
  });
}

test("as many connections are let in as there are descriptors for, and the rest is refused before a dial fails", async () => {
  expect(await proxy.metrics()).toContain(`portreeve_connections_max ${CONNECTIONS}`);
  const inside = Array.from({ length: CONNECTIONS }, open);
  expect(await Promise.all(inside.map(echoes))).toEqual(inside.map(() => true));
  const more = open();
  expect(await readToEnd(more)).toHaveLength(0);
  expect(await proxy.metrics()).toContain(
    'portreeve_refused_at_accept_total{listener="plain",reason="connections"} 1',
  );
  expect(backend.connections).toBe(CONNECTIONS);
  inside[0]?.end();
  await until("there is a place again", 10, () => echoes(open()));
});

test("that there are fewer than configured is said at the start, with what to do", async () => {
  const line = proxy.running
    .log()
    .split("\n")
    .find((text) => text.includes("file descriptor limit"));
  expect(JSON.parse(line ?? "{}")).toMatchObject({
    level: "warn",
    limit: DESCRIPTORS,
    allows: CONNECTIONS,
    maxConnections: 100_000,
  });
});
