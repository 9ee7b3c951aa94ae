/**
 * A mistake in the proxy's own program, made on purpose by a script that Bun loads before it: no connection goes on, each
 * has its record, and the log says why. What it does not show: that there are such mistakes.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, connectTls, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";

let scope: Scope;
let proxy: TestProxy;
let port = 0;

beforeEach(async () => {
  scope = await openScope("internal-error");
  [port = 0] = await freePorts(1);
  const backend = await startBackend(scope);
  const preload = join(scope.dir, "preload.ts");
  writeFileSync(
    preload,
    `process.on("SIGUSR2", () => { throw new Error("thrown by a handler"); });
process.on("SIGUSR1", () => { void Promise.reject(new Error("rejected and forgotten")); });\n`,
  );
  proxy = await startProxy(
    scope,
    {
      listeners: [{ name: "orders", mode: "mtls", bind: "127.0.0.1", port, service: "orders" }],
      services: [
        { name: "orders", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      ],
      rules: [{ id: "api-orders", action: "allow", service: "orders", subjects: { workloads: [API] } }],
    },
    "proxy",
    { PATH: process.env["PATH"] ?? "", BUN_OPTIONS: `--preload ${preload}` },
  );
});

afterEach(() => scope?.stop());

test.each([
  ["SIGUSR2", "thrown by a handler"],
  ["SIGUSR1", "rejected and forgotten"],
] as const)("after %s every connection is closed and recorded", async (signal, words) => {
  const sockets = await Promise.all([1, 2, 3].map(() => connectTls(proxy, port, proxy.client(API))));
  for (const socket of sockets) {
    socket.on("error", () => {});
    socket.write("hello");
    await once(socket, "data");
  }
  const ends = sockets.map((socket) => readToEnd(socket));
  process.kill(proxy.running.pid, signal);
  await Promise.all(ends);
  const closed = await until("the records", 10, () =>
    proxy.records().length >= 3 ? proxy.records() : undefined,
  );
  expect(closed.map(({ close }) => close)).toEqual(Array(3).fill("internal-error"));
  expect(new Set(closed.map(({ connection }) => connection)).size).toBe(3);
  expect(proxy.running.log()).toContain(words);
});
