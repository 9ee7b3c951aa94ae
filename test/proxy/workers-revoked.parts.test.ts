/** A worker that is started anew knows who is revoked before it lets anybody in, however long its supervisor takes to tell. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";

const BOB = "okta:bob@example.com";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;

beforeAll(async () => {
  scope = await openScope("workers-revoked");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
  proxy = await startProxy(scope, {
    workers: 2,
    listeners: [{ name: "orders", mode: "mtls", bind: "127.0.0.1", port, service: "orders" }],
    services: [
      { name: "orders", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      { id: "bot", action: "allow", service: "orders", subjects: { agents: ["bot"] } },
      { id: "bob", action: "allow", service: "orders", subjects: { users: [BOB] } },
    ],
    agents: [
      { name: "bot", owner: BOB, workloads: [API], onBehalfOfUser: BOB, onBehalfOf: { users: [BOB] } },
    ],
    identityProviders: {
      oidc: [{ name: "okta", issuer: "http://127.0.0.1:9", audiences: ["portreeve"] }],
    },
  });
});

afterAll(() => scope?.stop());

function workers(): string[] {
  const { pid } = proxy.running;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
}

async function attempt(): Promise<string> {
  const socket = await connectTls(proxy, port, proxy.client(API)).catch(() => undefined);
  if (!socket) return "";
  const reading = readToEnd(socket);
  socket.end("hello");
  const answer = (await reading).toString();
  socket.destroy();
  return answer;
}

test("the revoked stay out while a worker that was killed comes back", async () => {
  expect(await attempt()).toBe("hello");
  const body = JSON.stringify({ agent: "bot" });
  const revoked = await fetch(`http://127.0.0.1:${proxy.adminPort}/revoke`, { method: "POST", body });
  expect(revoked.status).toBe(200);
  expect(await attempt()).toBe("");
  const dialled = backend.connections;
  const before = workers();
  process.kill(Number(before[0]), "SIGKILL");
  await until("another worker", 10, () =>
    workers().length === 2 && !workers().includes(before[0] ?? "") ? true : undefined,
  );
  process.kill(proxy.running.pid, "SIGSTOP");
  try {
    const end = performance.now() + 3_000;
    while (performance.now() < end) expect(await Promise.all([attempt(), attempt()])).toEqual(["", ""]);
  } finally {
    process.kill(proxy.running.pid, "SIGCONT");
  }
  await until("readiness", 10, async () => (await fetch(`http://127.0.0.1:${proxy.metricsPort}/readyz`)).ok);
  for (let round = 0; round < 20; round++) expect(await attempt()).toBe("");
  expect(backend.connections).toBe(dialled);
}, 60_000);
