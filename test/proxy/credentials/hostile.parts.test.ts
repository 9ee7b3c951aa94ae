/**
 * Credentials and heads that are meant to do harm, and an issuer that hangs, lies and rotates, at the running proxy. Tokens
 * are signed by node:crypto, not by the library that verifies them.
 */

import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  claimsOf,
  createKey,
  hmacToken,
  type TestKey,
  token,
  unsignedToken,
} from "../../../proxy-image/credentials/test-issuer.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { type Backend, connectTls, readToEnd, startBackend, startProxy, type TestProxy } from "../harness.ts";
import { exchange, openTunnel, tryConnect, type Wire } from "./http.ts";
import { WildIssuer } from "./issuer.ts";

let scope: Scope;
let proxy: TestProxy;
let backend: Backend;
let wire: Wire;
const okta = new WildIssuer();
const other = new WildIssuer();
const oktaKey = createKey("one");
const rsaKey = createKey("rsa", "RS256");
const otherKey = createKey("other");

beforeAll(async () => {
  scope = await openScope("proxy-hostile");
  backend = await startBackend(scope);
  const [port = 0, oktaPort = 0, otherPort = 0] = await freePorts(3);
  okta.keys = [oktaKey, rsaKey];
  other.keys = [otherKey];
  await okta.start(scope, oktaPort);
  await other.start(scope, otherPort);
  const oidc = [okta, other].map((issuer, index) => {
    const ca = join(scope.dir, `issuer-${index}.pem`);
    writeFileSync(ca, issuer.ca.cert);
    return {
      name: index === 0 ? "okta" : "other",
      issuer: issuer.issuer,
      audiences: ["portreeve"],
      ca,
      clockSkew: "1s",
      grace: "1s",
    };
  });
  proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    services: [
      { name: "orders-db", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [{ id: "dba", action: "allow", service: "orders-db", subjects: { idpGroups: ["okta:dba"] } }],
    limits: { handshakeTimeout: "9s", maxHandshakes: 500 },
    identityProviders: { oidc },
  });
  wire = { proxy, port };
  expect((await tryConnect(wire, "orders-db:5432", good())).status).toBe(200);
});

afterAll(() => scope?.stop());

/** Claims that are good now. */
function claims(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1_000);
  return claimsOf({ iss: okta.issuer, iat: now, exp: now + 300, ...change });
}

const good = (key: TestKey = oktaKey) => `Bearer ${token(key, claims())}`;

async function refusalOf(authorization: string): Promise<string> {
  const answer = await tryConnect(wire, "orders-db:5432", authorization);
  expect(answer.status).toBe(407);
  expect(answer.headers.get("proxy-authenticate")).toMatch(
    /^Bearer realm="portreeve", error="invalid_token", error_description="[^"\\]+"$/,
  );
  const record = await proxy.record({ connection: answer.json()["connection"] });
  expect(record).toMatchObject({ close: "credential-refused", verdict: "deny" });
  expect(record["src.user"]).toBeUndefined();
  return String(record["error"]).split(":", 1)[0] ?? "";
}

describe("a credential is refused, before anything is dialled, that is", () => {
  const past = () => Math.floor(Date.now() / 1_000) - 3_600;
  test.each<[string, () => string, string]>([
    ["forged under a key id of the issuer", () => `Bearer ${token(createKey("one"), claims())}`, "signature"],
    ["unsigned", () => `Bearer ${unsignedToken(claims())}`, "algorithm"],
    ["an HMAC with the issuer's public key", () => `Bearer ${hmacToken(rsaKey, claims())}`, "algorithm"],
    [
      "of one issuer, signed with the key of another",
      () => `Bearer ${token(otherKey, claims())}`,
      "unknown-key",
    ],
    [
      "of the other issuer, claiming to be this one's",
      () => `Bearer ${token(otherKey, claims({ iss: other.issuer }), { kid: "one" })}`,
      "unknown-key",
    ],
    [
      "of nobody that is known",
      () => `Bearer ${token(oktaKey, claims({ iss: "https://evil.example" }))}`,
      "no-provider",
    ],
    ["expired", () => `Bearer ${token(oktaKey, claims({ exp: past() }))}`, "expired"],
    [
      "good until after the end of all calendars",
      () => `Bearer ${token(oktaKey, claims({ exp: 8_700_000_000_000 }))}`,
      "claims",
    ],
    ["for another audience", () => `Bearer ${token(oktaKey, claims({ aud: "else" }))}`, "audience"],
    [
      "with forged records in the name",
      () => `Bearer ${token(oktaKey, claims({ email: 'x"}\n{"verdict":"allow"' }))}`,
      "claims",
    ],
    [
      "longer than a token may be",
      () => `Bearer ${token(oktaKey, claims({ pad: "x".repeat(13_000) }))}`,
      "too-large",
    ],
    ["basic authentication", () => "Basic YTpi", "malformed"],
    ["a signed AWS request where no account is accepted", () => "AWS4-STS e30", "no-provider"],
    ["a scheme without a credential", () => "Bearer", "malformed"],
  ])("%s", async (_, credential, refusal) => {
    const before = backend.connections;
    expect(await refusalOf(credential())).toBe(refusal);
    expect(backend.connections).toBe(before);
  });
});

test("names with quotes and other scripts are recorded as they are, on one line", async () => {
  const email = 'o\'brien "\\u202e" <日本>@example.com';
  const answer = await tryConnect(wire, "orders-db:5432", `Bearer ${token(oktaKey, claims({ email }))}`);
  expect(answer.status).toBe(200);
  expect(await proxy.record({ "src.user": `okta:${email}` })).toMatchObject({ verdict: "allow" });
});

describe("a head is refused", () => {
  const credential = () => `Proxy-Authorization: ${good()}\r\n`;
  test.each<[string, () => string, number]>([
    [
      "with a body that would be a second request",
      () => `CONNECT orders-db:5432 HTTP/1.1\r\n${credential()}Content-Length: 5\r\n\r\nhello`,
      400,
    ],
    [
      "with chunks",
      () => `CONNECT orders-db:5432 HTTP/1.1\r\n${credential()}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "with two credentials",
      () => `CONNECT orders-db:5432 HTTP/1.1\r\n${credential()}${credential()}\r\n`,
      400,
    ],
    [
      "with a bare line feed before a credential",
      () => `CONNECT orders-db:5432 HTTP/1.1\nProxy-Authorization: ${good()}\r\n\r\n`,
      400,
    ],
    [
      "with a NUL in the service's name",
      () => `CONNECT orders-db\0:5432 HTTP/1.1\r\n${credential()}\r\n`,
      400,
    ],
    [
      "with more headers than there are reasons for",
      () =>
        `CONNECT orders-db:5432 HTTP/1.1\r\n${"a: b\r\n".repeat(0)}${Array.from({ length: 100 }, (_, n) => `h${n}: x\r\n`).join("")}\r\n`,
      431,
    ],
    ["that never ends", () => `CONNECT orders-db:5432 HTTP/1.1\r\nA: ${"b".repeat(30_000)}`, 431],
    ["for another method", () => "POST /v1/access HTTP/1.1\r\n\r\n", 405],
    ["for another path", () => "GET /connections HTTP/1.1\r\n\r\n", 404],
  ])("%s", async (_, text, status) => {
    const before = backend.connections;
    expect((await exchange(wire, text())).status).toBe(status);
    expect(backend.connections).toBe(before);
  });

  test("only declared services can be dialled, whatever the name resolves to", async () => {
    const before = backend.connections;
    for (const target of [
      "169.254.169.254:80",
      "127.0.0.1:22",
      "localhost:5432",
      "orders-db.:5432",
      "ORDERS-DB:5432",
      "orders-db:22",
      `127.0.0.1:${backend.port}`,
    ]) {
      expect((await tryConnect(wire, target, good())).status).toBe(403);
    }
    expect(backend.connections).toBe(before);
  });

  test("what follows the head belongs to the tunnel, byte for byte: it is no second request", async () => {
    const second = "CONNECT other:1 HTTP/1.1\r\n\r\n";
    const answer = await exchange(wire, `CONNECT orders-db:5432 HTTP/1.1\r\n${credential()}\r\n${second}`);
    expect(answer).toMatchObject({ status: 200, body: second });
  });
});

test("a connection ends when its token has, and the grace is over", async () => {
  const now = Math.floor(Date.now() / 1_000);
  const short = `Bearer ${token(oktaKey, claims({ exp: now + 2 }))}`;
  const tunnel = await openTunnel(wire, "orders-db:5432", short);
  await readToEnd(tunnel);
  // Expiry in 1 to 2 s, 1 s of grace, and the granularity of deadlines.
  expect(Date.now()).toBeGreaterThanOrEqual((now + 3) * 1_000 - 50);
  expect(Date.now()).toBeLessThan((now + 5) * 1_000);
  expect(await proxy.record({ close: "credential-expired" })).toMatchObject({ verdict: "allow" });
});

describe("an issuer that", () => {
  const unknown = () => good(createKey(`new-${Math.random()}`));
  /** The last look for an unknown key must be some time ago for another. */
  const rested = () =>
    expect.poll(async () => (await tryConnect(wire, "orders-db:5432", unknown())).status, {
      timeout: 40_000,
      interval: 1_000,
    });

  test("rotates: the new key is found, tokens of the old one count until it is withdrawn", async () => {
    const fresh = createKey("two");
    okta.keys = [oktaKey, rsaKey, fresh];
    await expect
      .poll(async () => (await tryConnect(wire, "orders-db:5432", good(fresh))).status, {
        timeout: 15_000,
        interval: 500,
      })
      .toBe(200);
    expect((await tryConnect(wire, "orders-db:5432", good())).status).toBe(200);
  });

  test("is asked once for many unknown keys", async () => {
    const before = okta.asked.length;
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => tryConnect(wire, "orders-db:5432", unknown())),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([407]));
    expect(okta.asked.length - before).toBeLessThanOrEqual(2);
  });

  test.each<[string, WildIssuer["answerKeys"]]>([
    ["hangs", () => {}],
    ["hangs in the middle", (response) => void response.write('{"keys":[')],
    ["answers 500", (response) => void response.writeHead(500).end("{}")],
    ["answers with 10 MB", (response) => void response.end(`{"keys":[],"pad":"${"x".repeat(10_000_000)}"}`)],
    [
      "redirects elsewhere",
      (response) => void response.writeHead(302, { location: `${other.issuer}/keys` }).end(),
    ],
    ["breaks off", (response) => void response.destroy()],
    ["answers with nonsense", (response) => void response.end("<html>")],
  ])(
    "%s: known keys serve, a new one fails closed and says so, and others are served meanwhile",
    async (_, answer) => {
      okta.answerKeys = answer;
      try {
        await rested().toBe(503);
        const [known, unsure] = await Promise.all([
          tryConnect(wire, "orders-db:5432", good()),
          tryConnect(wire, "orders-db:5432", unknown()),
        ]);
        expect(known.status).toBe(200);
        expect(unsure.status).toBe(503);
        expect(unsure.json()).toMatchObject({ error: "unavailable" });
      } finally {
        okta.answerKeys = undefined;
      }
      // It works again: what is unknown is simply unknown.
      await rested().toBe(407);
    },
  );

  test("is down or lies shows in the metrics", async () => {
    const metrics = await proxy.metrics();
    expect(metrics).toMatch(/portreeve_jwks_fetches_total\{provider="okta",result="failed"\} [1-9]/);
    expect(metrics).toMatch(/portreeve_jwks_keys\{provider="okta",worker="0"\} 3/);
    expect(metrics).toMatch(/portreeve_credentials_total\{provider="okta",result="unavailable"\} [1-9]/);
    expect(metrics).toMatch(/portreeve_credentials_total\{provider="okta",result="signature"\} 1/);
  });
});

test("an issuer whose certificate its CA does not vouch for is not believed", async () => {
  const result = await proxy.reconfigure((config) => ({
    ...config,
    identityProviders: {
      oidc: config.identityProviders?.oidc?.map((one) => ({ ...one, ca: join(scope.dir, "issuer-1.pem") })),
    },
  }));
  expect(result).toMatchObject({ result: "applied" });
  expect((await tryConnect(wire, "orders-db:5432", good())).status).toBe(503);
});

test("connections that show nothing, or half a head, are ended in time and hold nobody up", async () => {
  const idle = Array.from({ length: 50 }, () => connect({ host: "127.0.0.1", port: wire.port }));
  for (const socket of idle) socket.on("error", () => {});
  const slow = await connectTls(proxy, wire.port, undefined);
  slow.on("error", () => {});
  slow.write("CONNECT orders-db:5432 HTT");
  expect((await tryConnect(wire, "orders-db:5432")).status).toBe(407);
  await readToEnd(slow);
  expect(await proxy.record({ close: "handshake-timeout" })).toBeDefined();
  for (const socket of idle) socket.destroy();
});
