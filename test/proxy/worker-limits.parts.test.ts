/** Limits of a proxy with several workers hold for all of them together, over real sockets, also when one is killed. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { type Backend, type Parts, startBackend, startProxy, type TestProxy } from "./harness.ts";

const WORKERS = 3;
/** With so many tries the odds that the kernel gives all of them to one of three sockets are nil. */
const TRIES = 40;

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;

beforeEach(async () => {
  scope = await openScope("proxy-worker-limits");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
});

afterEach(() => scope.stop());

function parts(limits: object, ruleLimits: object, more: Partial<Parts> = {}): Parts {
  return {
    workers: WORKERS,
    listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "echo" }],
    services: [
      {
        name: "echo",
        ports: [{ port: 7 }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        limits,
      },
    ],
    rules: [
      {
        id: "loopback",
        action: "allow",
        service: "echo",
        subjects: { cidrs: ["127.0.0.0/8"] },
        limits: ruleLimits,
      },
    ],
    ...more,
  };
}

interface Client {
  readonly socket: Socket;
  answered: boolean;
  gone: boolean;
}

/** Opens a connection and says something; what becomes of it is seen on the client. */
function open(): Client {
  const socket = connect({ host: "127.0.0.1", port });
  const client: Client = { socket, answered: false, gone: false };
  scope.onStop(() => void socket.destroy());
  socket.on("error", () => {});
  socket.on("data", () => {
    client.answered = true;
  });
  socket.on("close", () => {
    client.gone = true;
  });
  socket.write("x");
  return client;
}

const openMany = (count: number) => Array.from({ length: count }, open);
const inside = (clients: readonly Client[]) => clients.filter(({ answered, gone }) => answered && !gone);
const decided = (clients: readonly Client[]) => clients.every(({ answered, gone }) => answered || gone);

/** Process ids of the workers that are there. */
function workers(): number[] {
  const { pid } = proxy.running;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
}

/** Opens connections, all at the same time, until each has been let in or refused. */
async function openAndSee(count: number): Promise<Client[]> {
  const clients = openMany(count);
  await until("each is let in or refused", 15, () => decided(clients));
  return clients;
}

describe("three workers", () => {
  test.each([
    ["a service", { maxConnections: 5 }, {}],
    ["one principal at a service", { maxConnectionsPerPrincipal: 5 }, {}],
    ["a rule", {}, { maxConnections: 5 }],
    ["one principal under a rule", {}, { maxConnectionsPerPrincipal: 5 }],
  ])("the bound of %s is one for all, is reached exactly, and is never passed", async (_, service, rule) => {
    proxy = await startProxy(scope, parts(service, rule));
    const clients = await openAndSee(TRIES);
    expect(inside(clients)).toHaveLength(5);
    expect(backend.sockets.size).toBe(5);
    expect(backend.connections).toBe(5);
  });

  test("a bound of one is one, again and again", async () => {
    proxy = await startProxy(scope, parts({ maxConnections: 1 }, {}));
    for (let round = 1; round <= 8; round++) {
      const clients = await openAndSee(12);
      expect(inside(clients)).toHaveLength(1);
      expect(backend.connections).toBe(round);
      for (const { socket } of clients) socket.destroy();
      await until(
        "nobody is left",
        10,
        async () => ((await proxy.admin("GET", "/connections")) as []).length === 0,
      );
    }
  });

  test("the bound of one principal over all services, and a rate, hold for all", async () => {
    const limits = { maxConnectionsPerPrincipal: 4 };
    proxy = await startProxy(scope, parts({}, { connectionsPerMinutePerPrincipal: 6 }, { limits }));
    const first = await openAndSee(TRIES);
    expect(inside(first)).toHaveLength(4);
    for (const { socket } of first) socket.destroy();
    await until(
      "nobody is left",
      10,
      async () => ((await proxy.admin("GET", "/connections")) as []).length === 0,
    );
    // Six in a minute, four are used up.
    expect(inside(await openAndSee(TRIES))).toHaveLength(2);
  });

  test("who waits is let in when a place becomes free at another worker", async () => {
    proxy = await startProxy(scope, parts({ maxConnections: 2, queue: 20, queueTimeout: "60s" }, {}));
    const clients = openMany(20);
    for (let ended = 0; ended < 20; ended += 2) {
      await until("two are in", 10, () => inside(clients).length === 2);
      expect(backend.sockets.size).toBeLessThanOrEqual(2);
      const ending = inside(clients);
      for (const { socket } of ending) socket.destroy();
      await until("both are gone", 10, () => ending.every(({ gone }) => gone));
    }
    expect(backend.connections).toBe(20);
  });

  test("the places of a worker that is killed are free again, and no more than those", async () => {
    proxy = await startProxy(scope, parts({ maxConnections: 9 }, {}));
    const held = await openAndSee(TRIES);
    expect(inside(held)).toHaveLength(9);
    const [victim = 0] = workers();
    process.kill(victim, "SIGKILL");
    await until("the process is gone", 10, () => !workers().includes(victim));
    await until("there are as many again", 20, async () => {
      const live = ((await proxy.admin("GET", "/connections")) as unknown[]).length;
      return workers().length === WORKERS && live === inside(held).length;
    });
    const left = inside(held).length;
    let most = 0;
    const more: Client[] = [];
    await until("all places are taken again", 20, async () => {
      more.push(...(await openAndSee(TRIES)));
      most = Math.max(most, backend.sockets.size);
      return left + inside(more).length === 9;
    });
    expect(most).toBeLessThanOrEqual(9);
    expect(inside(await openAndSee(TRIES))).toHaveLength(0);
  });

  test("a bound that comes by a reload counts the connections that are there", async () => {
    proxy = await startProxy(scope, parts({}, {}));
    const held = await openAndSee(6);
    expect(inside(held)).toHaveLength(6);
    await proxy.reconfigure((config) => ({ ...config, ...parts({ maxConnections: 8 }, {}) }));
    expect(inside(held)).toHaveLength(6);
    expect(inside(await openAndSee(TRIES))).toHaveLength(2);
  });

  test("connections of the whole process are divided: never more than the bound in sum", async () => {
    proxy = await startProxy(scope, parts({}, {}, { limits: { maxConnections: 10 } }));
    const clients = await openAndSee(120);
    // 4, 3 and 3: with 120 tries each worker's part is used up.
    expect(inside(clients)).toHaveLength(10);
    expect((await proxy.metrics()).match(/^portreeve_connections_max (\d+)$/m)?.[1]).toBe("10");
  });
});
