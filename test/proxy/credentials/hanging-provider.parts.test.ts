/**
 * An identity provider that takes connections and never answers. Whoever shows a token waits for it, within a bound and a
 * time; workloads, who need no provider, connect as ever.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimsOf, createKey, token } from "../../../proxy-image/credentials/test-issuer.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { until } from "../../cluster/until.ts";
import { API, connectTls, readToEnd, startBackend, startProxy, type TestProxy } from "../harness.ts";
import { WildIssuer } from "./issuer.ts";

let scope: Scope;
let proxy: TestProxy;
let people = 0;
let workloads = 0;
const issuer = new WildIssuer();
const key = createKey("one");

beforeAll(async () => {
  scope = await openScope("hanging-provider");
  const backend = await startBackend(scope);
  const ports = await freePorts(3);
  [people = 0, workloads = 0] = ports;
  issuer.keys = [key];
  await issuer.start(scope, ports[2] ?? 0);
  const ca = join(scope.dir, "issuer.pem");
  writeFileSync(ca, issuer.ca.cert);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "people", mode: "connect", bind: "127.0.0.1", port: people },
      { name: "workloads", mode: "mtls", bind: "127.0.0.1", port: workloads, service: "orders-db" },
    ],
    services: [
      { name: "orders-db", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      { id: "api", action: "allow", service: "orders-db", subjects: { workloads: [API] } },
      { id: "dba", action: "allow", service: "orders-db", subjects: { idpGroups: ["okta:dba"] } },
    ],
    limits: { maxHandshakes: 4, maxCredentialWaits: 32, credentialTimeout: "3s", handshakeTimeout: "1s" },
    identityProviders: {
      oidc: [{ name: "okta", issuer: issuer.issuer, audiences: ["portreeve"], ca }],
    },
  });
});

afterAll(() => scope?.stop());

/** Shows a token. */
async function show(localAddress: string): Promise<TLSSocket> {
  // Not in the typings, but passed on to the socket underneath.
  const options: ConnectionOptions & { localAddress: string } = {
    host: "127.0.0.1",
    port: people,
    servername: "localhost",
    ca: proxy.ca.cert,
    localAddress,
  };
  const socket = tlsConnect(options);
  scope.onStop(() => void socket.destroy());
  const now = Math.floor(Date.now() / 1_000);
  const jwt = token(key, claimsOf({ iss: issuer.issuer, iat: now, exp: now + 300 }));
  await once(socket, "secureConnect");
  socket.write(
    `CONNECT orders-db:7 HTTP/1.1\r\nHost: orders-db:7\r\nProxy-Authorization: Bearer ${jwt}\r\n\r\n`,
  );
  return socket;
}

/** Shows a token; resolves to the answer. */
async function person(localAddress = "127.0.0.1"): Promise<string> {
  const socket = await show(localAddress);
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return first.toString();
}

async function workload(): Promise<string> {
  const socket = await connectTls(proxy, workloads, proxy.client(API));
  const reading = readToEnd(socket);
  socket.end("ping");
  return (await reading).toString();
}

const waits = async (count: number): Promise<boolean> =>
  (await proxy.metrics()).includes(`portreeve_credential_waits ${count}\n`);

test("workloads connect while as many people as may wait for it do; those are told in time, and who leaves holds no place", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  issuer.answerKeys = (response) => asked.resolve(response);
  // Another text of the authorities makes the proxy fetch the keys anew.
  const ca = join(scope.dir, "other.pem");
  writeFileSync(ca, `${issuer.ca.cert}\n`);
  const { result } = await proxy.reconfigure((config) => ({
    ...config,
    identityProviders: { oidc: (config.identityProviders?.oidc ?? []).map((one) => ({ ...one, ca })) },
  }));
  expect(result).toBe("applied");
  await asked.promise;

  const waiting: Promise<string>[] = [];
  while (waiting.length < 8) {
    waiting.push(person());
    const count = waiting.length;
    await until(`${count} wait`, 5, () => waits(count));
  }
  // More than `maxHandshakes` wait, and none of them counts.
  expect(await proxy.metrics()).toContain("portreeve_handshakes_pending 0\n");
  expect(await workload()).toBe("ping");

  // A quarter of the places is all that one address has; another's are still there.
  expect(await person()).toMatch(/^HTTP\/1\.1 503 /);
  const record = await proxy.record({
    error: "unavailable: too many clients wait for an identity provider from 127.0.0.1; try again",
  });
  expect(record).toMatchObject({ close: "credential-refused", verdict: "deny" });
  waiting.push(person("127.0.0.2"));
  await until("the other waits", 5, () => waits(9));
  const leaves = await show("127.0.0.2");
  await until("one more waits", 5, () => waits(10));
  leaves.destroy();
  await until("who left waits no more", 5, () => waits(9));

  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain("the identity provider did not answer in time");
  }
  await until("nobody waits", 5, () => waits(0));
  expect(await proxy.metrics()).toContain("portreeve_handshakes_pending 0\n");
  const late = () => proxy.records().filter(({ error }) => String(error).includes("did not answer in time"));
  await until("all are recorded", 5, () => late().length === 9);
  expect(new Set(late().map(({ close }) => close))).toEqual(new Set(["credential-refused"]));
});

test("when the provider answers again people are let in", async () => {
  issuer.answerKeys = undefined;
  await until("the keys are there", 20, async () => (await person()).startsWith("HTTP/1.1 200 "));
  expect(await waits(0)).toBe(true);
});
