/** HBONE from an implementation that is not ours: the tunnel of Envoy, which Istio's sidecars use towards ambient pods. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import {
  API,
  type Backend,
  OTHER,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "./harness.ts";
import { startEnvoyClient } from "./hbone-envoy.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let envoy = 0;
let hbone = 0;
let listener = 0;

beforeEach(async () => {
  scope = await openScope("hbone-envoy");
  const [first = 0, second = 0] = await freePorts(2);
  listener = second;
  backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: first },
      { name: "orders", mode: "mtls", bind: "127.0.0.1", port: listener, service: "orders" },
    ],
    services: [
      {
        name: "orders",
        ports: [{ port: 5432, protocol: "tcp" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: [{ id: "api-orders", action: "allow", service: "orders", subjects: { workloads: [API] } }],
  });
  hbone = first;
});

afterEach(() => scope.stop());

async function startEnvoy(uri: string): Promise<void> {
  const [port = 0, admin = 0] = await freePorts(2);
  envoy = port;
  await startEnvoyClient(scope, {
    port,
    admin,
    hbone,
    authority: `127.0.0.1:${listener}`,
    client: proxy.client(uri),
    ca: proxy.ca.cert,
    server: `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/proxy`,
  });
}

const dial = (): Socket => connect({ host: "127.0.0.1", port: envoy, allowHalfOpen: true });

describe("Envoy's tunnel", () => {
  test("carries connections side by side, half-close included, and each is recorded with the identity", async () => {
    await startEnvoy(API);
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const data = randomBytes(500_000);
        const socket = dial();
        const reading = readToEnd(socket);
        socket.end(data);
        return (await reading).equals(data);
      }),
    );
    expect(all).toEqual(Array(20).fill(true));
    await proxy.record({
      "dst.hbone_addr": `127.0.0.1:${listener}`,
      "src.identity": API,
      close: "client-closed",
    });
    expect(backend.bytes).toBe(20 * 500_000);
  });

  test("of a workload without a grant gets nothing, and the service hears nothing of it", async () => {
    await startEnvoy(OTHER);
    const socket = dial();
    const reading = readToEnd(socket);
    socket.write("hello");
    expect((await reading).length).toBe(0);
    expect(await proxy.record({ "src.identity": OTHER })).toMatchObject({ close: "denied" });
    expect(backend.connections).toBe(0);
  });
});
