import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { type Backend, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;

beforeEach(async () => {
  scope = await openScope("proxy-workers");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
  proxy = await startProxy(scope, {
    workers: 2,
    listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "echo" }],
    services: [
      { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "loopback", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.0/8"] } }],
  });
});

afterEach(() => scope.stop());

async function once(size: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const sent = randomBytes(size);
  const reading = readToEnd(socket);
  socket.end(sent);
  expect((await reading).equals(sent)).toBe(true);
}

function recordsOf(worker: number): { connection: string; bytes_recv: number }[] {
  const name = `proxy.audit.jsonl.worker-${worker}`;
  if (!readdirSync(scope.dir).includes(name)) return [];
  const lines = readFileSync(join(scope.dir, name), "utf8").split("\n").filter(Boolean);
  const records = lines.map(
    (line) => JSON.parse(line) as { event: string; connection: string; bytes_recv: number },
  );
  // A file also tells of its chain of hashes.
  return records.filter(({ event }) => event === "close");
}

async function value(name: string): Promise<number> {
  const lines = (await proxy.metrics())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** Process ids of the workers. */
function workers(): number[] {
  const pid = proxy.running.pid;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
}

describe("two workers", () => {
  test("share one port, and are one set of totals", async () => {
    for (let index = 0; index < 60; index++) await once(1_000);
    await until("all are recorded", 10, () => recordsOf(0).length + recordsOf(1).length === 60);
    // With 60 connections the odds of the kernel choosing one of two sockets every time are nil.
    expect(recordsOf(0).length).toBeGreaterThan(0);
    expect(recordsOf(1).length).toBeGreaterThan(0);
    expect(await value("istio_tcp_connections_closed_total")).toBe(60);
    expect(await value("istio_tcp_received_bytes_total")).toBe(60_000);
    expect(await value("portreeve_workers")).toBe(2);
  });

  test("survive the killing of one: the other goes on, a new one comes, totals do not fall", async () => {
    const held: Socket[] = [];
    for (let index = 0; index < 20; index++) {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => {});
      // A socket that nobody reads never notices its end.
      socket.resume();
      socket.write("x");
      held.push(socket);
    }
    await until(
      "all are relayed",
      10,
      async () => (await value("istio_tcp_connections_opened_total")) === 20,
    );
    const [victim = 0] = workers();
    process.kill(victim, "SIGKILL");
    await until(
      "a new worker is there",
      10,
      async () =>
        (await value("portreeve_worker_restarts_total")) === 1 &&
        (await fetch(`http://127.0.0.1:${proxy.metricsPort}/readyz`)).ok,
    );
    // Those of the other worker still live.
    await until("the victim's connections are closed", 10, async () => {
      const live = ((await proxy.admin("GET", "/connections")) as unknown[]).length;
      return held.filter((socket) => !socket.destroyed).length === live && live < 20;
    });
    const alive = held.filter((socket) => !socket.destroyed);
    expect(alive.length).toBeGreaterThan(0);
    for (const socket of alive) {
      const answer = new Promise<string>((done) =>
        socket.on("data", (data) => data.toString().includes("y") && done("y")),
      );
      socket.write("y");
      expect(await answer).toBe("y");
    }
    expect(await value("istio_tcp_connections_opened_total")).toBe(20);
    for (let index = 0; index < 20; index++) await once(10);
    expect(await value("istio_tcp_connections_opened_total")).toBe(40);
  });

  test("reload, show their connections and end as one", async () => {
    const sockets = Array.from({ length: 10 }, () => connect({ host: "127.0.0.1", port }));
    for (const socket of sockets) socket.write("x");
    await until(
      "all are shown",
      10,
      async () => ((await proxy.admin("GET", "/connections")) as unknown[]).length === 10,
    );
    const result = await proxy.reconfigure((config) => ({ ...config, rules: [] }));
    expect(result.result).toBe("applied");
    await until(
      "all lost access",
      10,
      async () => ((await proxy.admin("GET", "/connections")) as unknown[]).length === 0,
    );
    process.kill(proxy.running.pid, "SIGTERM");
    await until("it has stopped", 10, () => proxy.running.log().split('"message":"stopped"').length === 4);
  });
});
