/**
 * The proxy as a client of HBONE: another Portreeve proxy at the other end, and an Envoy, which is not ours. That ztunnel
 * answers so is not shown: it is not to be had here.
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import {
  API,
  type Backend,
  connectTls,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "./harness.ts";
import { startEnvoyServer } from "./hbone-envoy.ts";

const SERVER = `spiffe://${TRUST_DOMAIN}/ns/stock/sa/inventory`;
const CLIENT = `spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/proxy`;

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;
let hbone = 0;
let target = 0;

beforeEach(async () => {
  scope = await openScope("hbone-dial");
  [port = 0, hbone = 0, target = 0] = await freePorts(3);
  backend = await startBackend(scope);
});

afterEach(() => scope.stop());

/** The proxy that dials, for clients of its own. */
async function start(spiffeIds: string[] = [SERVER]): Promise<void> {
  proxy = await startProxy(scope, {
    listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "inventory" }],
    services: [
      {
        name: "inventory",
        ports: [{ port: 80, protocol: "postgres", targetPort: target }],
        inlineTls: false,
        endpoints: [{ host: "127.0.0.1" }],
        tls: { mode: "mutual", spiffeIds, hbone },
      },
    ],
    rules: [{ id: "api", action: "allow", service: "inventory", subjects: { workloads: [API] } }],
  });
}

/** A proxy at the other end, of the same trust domain and authority. */
async function startOther(allowed: string): Promise<TestProxy> {
  const own = createLeaf("inventory", proxy.ca, { uris: [SERVER] });
  const file = (name: string, text: string) => {
    const path = join(scope.dir, `other-${name}`);
    writeFileSync(path, text);
    return path;
  };
  return startProxy(
    scope,
    {
      trust: {
        trustDomain: TRUST_DOMAIN,
        bundles: [{ trustDomain: TRUST_DOMAIN, file: file("trusted.pem", proxy.ca.cert) }],
      },
      certificate: { source: "files", cert: file("own.pem", own.cert), key: file("own.key", own.key) },
      listeners: [
        { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: hbone },
        { name: "l", mode: "mtls", bind: "127.0.0.1", port: target, service: "s" },
      ],
      services: [
        {
          name: "s",
          ports: [{ port: 80, protocol: "tcp" }],
          endpoints: [{ host: "127.0.0.1", port: backend.port }],
        },
      ],
      rules: [{ id: "r", action: "allow", service: "s", subjects: { workloads: [allowed] } }],
    },
    "other",
  );
}

async function roundTrip(data: Buffer): Promise<Buffer> {
  const socket = await connectTls(proxy, port, proxy.client(API));
  const reading = readToEnd(socket);
  socket.end(data);
  return reading;
}

describe("a service behind HBONE", () => {
  test("is reached through a proxy that judges the one that dials", async () => {
    await start();
    const other = await startOther(CLIENT);
    const data = randomBytes(2_000_000);
    expect((await roundTrip(data)).equals(data)).toBe(true);
    expect(await other.record({ "src.identity": CLIENT })).toMatchObject({
      verdict: "allow",
      "dst.hbone_addr": `127.0.0.1:${target}`,
      bytes_recv: data.length,
    });
    expect(await proxy.record({ "src.identity": API })).toMatchObject({ "dst.addr": `127.0.0.1:${target}` });
  });

  test("that refuses the proxy is told as a service that cannot be reached", async () => {
    await start();
    await startOther(`${CLIENT}-other`);
    await roundTrip(Buffer.from("hello"));
    expect(await proxy.record({ "src.identity": API })).toMatchObject({
      close: "connect-failed",
      error: expect.stringContaining("refuses the tunnel: HTTP 401"),
    });
    expect(backend.connections).toBe(0);
  });

  test("is asked for nothing when it is somebody else", async () => {
    await start([`${SERVER}-other`]);
    const other = await startOther(CLIENT);
    await roundTrip(Buffer.from("hello"));
    expect(await proxy.record({ "src.identity": API })).toMatchObject({
      close: "connect-failed",
      error: expect.stringContaining("which is not an accepted identity"),
    });
    expect(other.records().filter((record) => "dst.hbone_addr" in record)).toEqual([]);
  });

  test("is reached through Envoy, half-close included", async () => {
    await start();
    const [admin = 0] = await freePorts(1);
    const own = createLeaf("inventory", proxy.ca, { uris: [SERVER] });
    await startEnvoyServer(scope, { port: hbone, admin, backend: backend.port, own, ca: proxy.ca.cert });
    const data = randomBytes(2_000_000);
    const all = await Promise.all(Array.from({ length: 10 }, () => roundTrip(data)));
    expect(all.map((answer) => answer.equals(data))).toEqual(Array(10).fill(true));
  });

  test("of a strange authority, or that is not there, is not spoken to", async () => {
    await start();
    await roundTrip(Buffer.from("hello"));
    expect(await proxy.record({ close: "connect-failed" })).toMatchObject({
      error: expect.stringContaining("ECONNREFUSED"),
    });
    const [admin = 0] = await freePorts(1);
    const own = createLeaf("inventory", createAuthority("stranger"), { uris: [SERVER] });
    await startEnvoyServer(scope, { port: hbone, admin, backend: backend.port, own, ca: proxy.ca.cert });
    await roundTrip(Buffer.from("hello"));
    await proxy.record({ error: "127.0.0.1: HBONE to the endpoint: its certificate is not verified" });
    expect(backend.connections).toBe(0);
  });
});
