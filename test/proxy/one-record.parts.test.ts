/**
 * Every connection has exactly one close record, whichever way it came and ended: on a port of its own, on the shared port
 * with and without credentials, by HBONE, and through HBONE on the shared port; while the configuration is reloaded.
 * What it does not show: the paths of logins that the proxy makes (`broker.parts.test.ts`).
 */

import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimsOf, createKey, token } from "../../proxy-image/credentials/test-issuer.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { WildIssuer } from "./credentials/issuer.ts";
import { API, connectTls, OTHER, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";
import { connectTo, FLAG, FRAME, frame, openRaw, reset } from "./hbone-frames.ts";

let scope: Scope;
let proxy: TestProxy;
const issuer = new WildIssuer();
const key = createKey("one");
const ports = { orders: 0, shared: 0, hbone: 0 };

beforeAll(async () => {
  scope = await openScope("one-record");
  const backend = await startBackend(scope);
  const [orders = 0, shared = 0, hbone = 0, issuerPort = 0] = await freePorts(4);
  Object.assign(ports, { orders, shared, hbone });
  issuer.keys = [key];
  await issuer.start(scope, issuerPort);
  const ca = join(scope.dir, "issuer.pem");
  writeFileSync(ca, issuer.ca.cert);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "orders", mode: "mtls", bind: "127.0.0.1", port: orders, service: "orders" },
      { name: "shared", mode: "connect", bind: "127.0.0.1", port: shared, clientCertificate: "request" },
      { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: hbone },
    ],
    services: [
      { name: "orders", ports: [{ port: 5432 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [
      { id: "api", action: "allow", service: "orders", subjects: { workloads: [API] } },
      { id: "dba", action: "allow", service: "orders", subjects: { idpGroups: ["okta:dba"] } },
    ],
    limits: { handshakeTimeout: "2s" },
    identityProviders: { oidc: [{ name: "okta", issuer: issuer.issuer, audiences: ["portreeve"], ca }] },
  });
});

afterAll(() => scope?.stop());

function bearer(good: boolean): string {
  const now = Math.floor(Date.now() / 1_000);
  const aud = good ? "portreeve" : "else";
  return `Bearer ${token(key, claimsOf({ iss: issuer.issuer, aud, iat: now, exp: now + 300 }))}`;
}

const head = (credential: string, target = "orders:5432") =>
  `CONNECT ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${credential}\r\n\r\n`;

type Ending = "end" | "destroy" | "answer";

/** Writes, then ends its side, breaks off, or waits for the first answer and ends. */
async function overTls(port: number, text: string, ending: Ending, who: string | undefined): Promise<void> {
  const socket = await connectTls(proxy, port, who === undefined ? undefined : proxy.client(who));
  socket.on("error", () => {});
  if (text !== "") socket.write(text);
  const over = readToEnd(socket);
  if (ending === "destroy") {
    await new Promise((turn) => setImmediate(turn));
    socket.destroy();
  } else if (ending === "end") socket.end();
  else socket.once("data", () => socket.end());
  await over;
  socket.destroy();
}

async function plainTcp(port: number, text: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const over = readToEnd(socket);
  socket.once("connect", () => socket.end(text));
  await over;
}

/** Streams in one session, each opened, written to, and left, ended or reset. */
async function overHbone(
  streams: readonly { to: "orders" | "shared" | "nowhere"; ending: "leave" | "end" | "reset" }[],
): Promise<void> {
  const session = await openRaw({ port: ports.hbone, ca: proxy.ca, client: proxy.client(API) });
  for (const [index, { to, ending }] of streams.entries()) {
    const id = index * 2 + 1;
    const port = to === "nowhere" ? 9 : ports[to];
    session.socket.write(frame(FRAME.headers, FLAG.endHeaders, id, connectTo(`127.0.0.1:${port}`)));
    session.socket.write(frame(FRAME.data, ending === "end" ? FLAG.endStream : 0, id, Buffer.from("hello")));
    if (ending === "reset") session.socket.write(reset(id));
  }
  // A PING comes back when all before it was read.
  session.socket.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  await until("the answer to a PING", 10, () =>
    session.seen.some(({ type }) => type === FRAME.ping) || session.closed() ? true : undefined,
  );
  session.socket.destroy();
}

const ending = fc.constantFrom<Ending>("end", "destroy", "answer");
const certificate = fc.constantFrom(undefined, API, OTHER);
const what = fc.oneof(
  fc.record({ kind: fc.constant("own" as const), ending, who: fc.constantFrom(API, OTHER) }),
  fc.record({
    kind: fc.constant("shared" as const),
    ending,
    who: certificate,
    text: fc.constantFrom(
      () => head(bearer(true)),
      () => `${head(bearer(true))}hello`,
      () => head(bearer(false)),
      () => head(bearer(true), "nothing:1"),
      () => head(bearer(true)).slice(0, 40),
      () => `GET /v1/access HTTP/1.1\r\nHost: x\r\nAuthorization: ${bearer(true)}\r\n\r\n`,
      () => "nonsense\r\n\r\n",
    ),
  }),
  fc.record({ kind: fc.constant("tcp" as const), text: fc.constantFrom("", "x", "\x16\x03\x01\x02\x00") }),
  fc.record({
    kind: fc.constant("hbone" as const),
    streams: fc.array(
      fc.record({
        to: fc.constantFrom("orders" as const, "shared" as const, "nowhere" as const),
        ending: fc.constantFrom("leave" as const, "end" as const, "reset" as const),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);

test("each connection has one close record", async () => {
  let opened = 0;
  const connections = fc.sample(what, 240);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const one = connections[next];
      next += 1;
      if (one === undefined) return;
      if (next % 40 === 0) {
        await proxy.reconfigure((config) => ({ ...config, policy: { digest: `reload-${next}` } }));
      }
      switch (one.kind) {
        case "own":
          opened += 1;
          await overTls(
            ports.orders,
            "hello",
            one.ending === "answer" && one.who === OTHER ? "end" : one.ending,
            one.who,
          );
          break;
        case "shared":
          opened += 1;
          await overTls(ports.shared, one.text(), one.ending, one.who);
          break;
        case "tcp":
          opened += 1;
          await plainTcp(next % 2 === 0 ? ports.orders : ports.shared, one.text);
          break;
        case "hbone":
          opened += one.streams.length;
          await overHbone(one.streams);
          break;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await until("all to be closed", 20, async () =>
    ((await proxy.admin("GET", "/connections")) as unknown[]).length === 0 ? true : undefined,
  );
  await until("all records", 10, () => (proxy.records().length >= opened ? true : undefined)).catch(() => {});
  const closes = proxy.records().filter(({ event }) => event === "close");
  expect(new Set(closes.map(({ connection }) => connection)).size).toBe(closes.length);
  expect(closes.length).toBe(opened);
}, 120_000);
