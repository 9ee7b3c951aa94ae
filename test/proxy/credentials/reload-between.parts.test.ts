/**
 * A reload that comes between the handshake of a client and its verdict: while it has not yet sent its head, or while its
 * token is being verified. What holds is the configuration in force when the verdict falls.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProxyConfigInput } from "../../../policy/compile/proxy/config.ts";
import { claimsOf, createKey, token } from "../../../proxy-image/credentials/test-issuer.ts";
import { createAuthority } from "../../../proxy-image/dev/certificates.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { until } from "../../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "../harness.ts";
import { WildIssuer } from "./issuer.ts";

let scope: Scope;
let proxy: TestProxy;
let backend: Backend;
let shared = 0;
let psql = 0;
let original: ProxyConfigInput;
const issuer = new WildIssuer();
const key = createKey("one");

beforeAll(async () => {
  scope = await openScope("reload-between");
  backend = await startBackend(scope);
  const [port = 0, issuerPort = 0, passwordPort = 0] = await freePorts(3);
  shared = port;
  psql = passwordPort;
  issuer.keys = [key];
  await issuer.start(scope, issuerPort);
  writeFileSync(join(scope.dir, "issuer.pem"), issuer.ca.cert);
  writeFileSync(join(scope.dir, "others.pem"), createAuthority("others").cert);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "shared", mode: "connect", bind: "127.0.0.1", port, clientCertificate: "request" },
      {
        name: "psql",
        mode: "tls",
        bind: "127.0.0.1",
        port: psql,
        service: "psql-db",
        passwordToken: { provider: "okta" },
      },
    ],
    services: [
      { name: "orders-db", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      {
        name: "psql-db",
        ports: [{ port: 5432, protocol: "postgres" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
        tls: { mode: "mutual", ca: join(scope.dir, "issuer.pem"), sni: "db.example.com" },
        auth: { type: "trust" },
      },
    ],
    rules: [
      { id: "api", action: "allow", service: "orders-db", subjects: { workloads: [API] } },
      { id: "dba", action: "allow", service: "orders-db", subjects: { idpGroups: ["okta:dba"] } },
      {
        id: "psql",
        action: "allow",
        service: "psql-db",
        subjects: { idpGroups: ["okta:dba"] },
        loginUsers: ["reader"],
      },
      { id: "alice", action: "allow", service: "orders-db", subjects: { users: ["okta:alice@example.com"] } },
    ],
    limits: { handshakeTimeout: "20s" },
    identityProviders: {
      oidc: [
        {
          name: "okta",
          issuer: issuer.issuer,
          audiences: ["portreeve"],
          ca: join(scope.dir, "issuer.pem"),
        },
        {
          name: "partners",
          issuer: issuer.issuer,
          audiences: ["partners"],
          ca: join(scope.dir, "issuer.pem"),
        },
      ],
    },
  });
  await proxy.reconfigure((config) => {
    original = config;
    return config;
  });
});

afterAll(() => scope?.stop());

beforeEach(async () => {
  issuer.answerKeys = undefined;
  await proxy.reconfigure(() => original);
});

function head(authorization?: string): string {
  const credential = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  return `CONNECT orders-db:5432 HTTP/1.1\r\nHost: orders-db:5432\r\n${credential}\r\n`;
}

function bearer(change: Readonly<Record<string, unknown>>): string {
  const now = Math.floor(Date.now() / 1_000);
  return `Bearer ${token(key, claimsOf({ iss: issuer.issuer, iat: now, exp: now + 300, ...change }))}`;
}

test("a client whose trust bundle went before it sent its head is refused", async () => {
  const dialled = backend.connections;
  const socket = await connectTls(proxy, shared, proxy.client(API));
  await until(
    "the client is there",
    10,
    async () => ((await proxy.admin("GET", "/connections")) as unknown[])[0],
  );
  const bundles = [{ trustDomain: TRUST_DOMAIN, file: join(scope.dir, "others.pem") }];
  const result = await proxy.reconfigure((config) => ({ ...config, trust: { ...config.trust, bundles } }));
  expect(result.result).toBe("applied");
  socket.write(head());
  const [first] = (await once(socket, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1\.1 403 /);
  expect(await proxy.record({ close: "access-lost", "src.identity": API })).toMatchObject({
    verdict: "deny",
  });
  expect(backend.connections).toBe(dialled);
});

/** 407 where the head was read only after the reload. */
const REFUSED = /^HTTP\/1\.1 40[37] /;

let authorities = 0;

/** Sends a token while the keys are being fetched, changes the configuration meanwhile, and lets the keys come then. */
async function whileVerifying(
  change: (config: ProxyConfigInput) => ProxyConfigInput,
  claims: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const asked = Promise.withResolvers<ServerResponse>();
  issuer.answerKeys = (response) => asked.resolve(response);
  // Another text of the authorities makes the proxy fetch the keys anew.
  authorities += 1;
  const ca = join(scope.dir, `issuer-${authorities}.pem`);
  writeFileSync(ca, issuer.ca.cert + "\n".repeat(authorities));
  expect((await proxy.reconfigure((config) => provider(config, { ca }))).result).toBe("applied");
  const response = await asked.promise;
  const socket = await connectTls(proxy, shared, undefined);
  socket.write(head(bearer(claims)));
  await until(
    "the client is there",
    10,
    async () => ((await proxy.admin("GET", "/connections")) as unknown[])[0],
  );
  expect((await proxy.reconfigure(change)).result).toBe("applied");
  response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }));
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return first.toString();
}

const provider = (config: ProxyConfigInput, change: Readonly<Record<string, unknown>>): ProxyConfigInput => ({
  ...config,
  identityProviders: {
    oidc: (config.identityProviders?.oidc ?? []).map((one) => ({ ...one, ...change })),
  },
});

test("a token is verified as ever when something else is reloaded meanwhile", async () => {
  const answer = await whileVerifying((config) => ({ ...config, policy: { digest: `${Math.random()}` } }));
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("a token for an audience that is no more accepted when its verification ends is refused", async () => {
  const answer = await whileVerifying((config) => provider(config, { audiences: ["elsewhere"] }));
  expect(answer).toMatch(REFUSED);
});

test("a deny of groups that comes meanwhile refuses a token that says nothing of groups", async () => {
  const answer = await whileVerifying(
    (config) => ({
      ...config,
      rules: [
        ...(config.rules ?? []),
        { id: "no-leavers", action: "deny", service: "orders-db", subjects: { idpGroups: ["okta:leavers"] } },
      ],
    }),
    { groups: undefined },
  );
  expect(answer).toMatch(REFUSED);
});

/** A string of PostgreSQL's protocol behind a message's type and length. */
function message(type: string, text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, body]);
}

/** Begins as psql does, and is asked for its password. */
async function beginPsql(): Promise<Socket> {
  const socket = await connectTls(proxy, psql, undefined);
  const version = "\0\u0003\0\0";
  socket.write(message("", `${version}user\0reader\0database\0orders\0`));
  const [asked] = (await once(socket, "data")) as [Buffer];
  expect(asked.toString("latin1").at(0)).toBe("R");
  return socket;
}

async function givePassword(socket: Socket): Promise<string> {
  socket.write(message("p", bearer({}).replace("Bearer ", "")));
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString("latin1");
}

const portTakes = (config: ProxyConfigInput, passwordToken: object | undefined): ProxyConfigInput => ({
  ...config,
  listeners: (config.listeners ?? []).map((one) =>
    one.mode === "tls" ? { ...one, passwordToken: passwordToken as typeof one.passwordToken } : one,
  ),
});

test.each([
  ["another provider's tokens", { provider: "partners" }],
  ["no tokens any more", undefined],
])("a token of the provider of before is no password where the port takes %s by then", async (_, takes) => {
  const dialled = backend.connections;
  const socket = await beginPsql();
  const before = proxy.records().length;
  expect((await proxy.reconfigure((config) => portTakes(config, takes))).result).toBe("applied");
  expect(await givePassword(socket)).toMatch(/SFATAL.*C28P01/s);
  await until("it is recorded", 10, () => proxy.records().length > before);
  expect(proxy.records().at(-1)).toMatchObject({ listener: "psql", verdict: "deny" });
  expect(backend.connections).toBe(dialled);
});

test("nor is one that was still being verified then; without a reload it is", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  issuer.answerKeys = (response) => asked.resolve(response);
  authorities += 1;
  const ca = join(scope.dir, `issuer-${authorities}.pem`);
  writeFileSync(ca, issuer.ca.cert + "\n".repeat(authorities));
  expect((await proxy.reconfigure((config) => provider(config, { ca }))).result).toBe("applied");
  const response = await asked.promise;
  const socket = await beginPsql();
  const answer = givePassword(socket);
  await until("it waits for the keys", 10, async () =>
    (await proxy.metrics()).includes("portreeve_credential_waits 1\n"),
  );
  const { result } = await proxy.reconfigure((config) => portTakes(config, { provider: "partners" }));
  expect(result).toBe("applied");
  response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }));
  expect(await answer).toContain("the port takes no tokens of this provider any more");
  expect(await proxy.record({ close: "access-lost", listener: "psql" })).toMatchObject({ verdict: "deny" });

  issuer.answerKeys = undefined;
  await proxy.reconfigure(() => original);
  const dialled = backend.connections;
  await givePassword(await beginPsql()).catch(() => "");
  await until("the backend is dialled", 10, () => backend.connections > dialled);
});
