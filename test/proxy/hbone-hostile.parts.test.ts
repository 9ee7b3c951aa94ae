/** What a client with a valid certificate may try on HBONE's HTTP/2. The proxy goes on serving others, and its memory stays. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, type Backend, startBackend, startProxy, type TestProxy } from "./harness.ts";
import { openSession, openStream, roundTrip } from "./hbone-client.ts";
import {
  connectTo,
  FLAG,
  FRAME,
  frame,
  headers,
  openRaw,
  PREFACE,
  type RawSession,
  reset,
} from "./hbone-frames.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let hbone = 0;
let listener = 0;

beforeAll(async () => {
  scope = await openScope("hbone-hostile");
  [hbone = 0, listener = 0] = await freePorts(2);
  backend = await startBackend(scope);
  proxy = await startProxy(scope, {
    listeners: [
      { name: "hbone", mode: "hbone", bind: "127.0.0.1", port: hbone, maxStreams: 50 },
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
    limits: { handshakeTimeout: "2s" },
  });
});

afterAll(() => scope?.stop());

const own = () => `127.0.0.1:${listener}`;
const raw = (): Promise<RawSession> => openRaw({ port: hbone, ca: proxy.ca, client: proxy.client(API) });
const begin = (stream: number, authority = own()) =>
  frame(FRAME.headers, FLAG.endHeaders, stream, connectTo(authority));
const memory = async () => Number(/portreeve_memory_bytes (\d+)/.exec(await proxy.metrics())?.[1]);

/** A well-behaved client is served, now. */
async function servesOthers(): Promise<void> {
  const session = openSession({ port: hbone, ca: proxy.ca, client: proxy.client(API) });
  const { status, stream } = await openStream(session, own());
  expect(status).toBe(200);
  expect((await roundTrip(stream, "hello")).toString()).toBe("hello");
  session.destroy();
}

/** Writes until the proxy closes, or all is written; true when it closed. */
async function pour(session: RawSession, pieces: number, piece: (index: number) => Buffer): Promise<boolean> {
  for (let index = 0; index < pieces && !session.closed(); index++) {
    if (session.socket.write(piece(index))) continue;
    await new Promise<void>((done) => {
      session.socket.once("drain", done);
      session.socket.once("close", () => done());
    });
  }
  return session.closed();
}

describe("a flood", () => {
  test("of streams begun and reset (CVE-2023-44487) ends the connection after a bound", async () => {
    const session = await raw();
    const before = backend.connections;
    await pour(session, 500, (index) =>
      Buffer.concat(
        Array.from({ length: 10 }, (_, i) => [
          begin(index * 20 + i * 2 + 1),
          reset(index * 20 + i * 2 + 1),
        ]).flat(),
      ),
    );
    await until("the connection to be closed", 20, () => session.closed());
    expect(backend.connections - before).toBeLessThan(1_500);
    // Each was judged and is recorded, up to the bound; a stream more than it is not even looked at.
    const judged = Number(/reason="client-reset"\} (\d+)/.exec(await proxy.metrics())?.[1]);
    expect(judged).toBeGreaterThan(900);
    expect(judged).toBeLessThan(1_200);
    await servesOthers();
  });

  test("of headers in CONTINUATION frames without end (CVE-2024-27316) is cut off", async () => {
    const session = await raw();
    const before = await memory();
    session.socket.write(frame(FRAME.headers, 0, 1, connectTo(own())));
    const filler = headers([["x-filler", "a".repeat(16_000)]]);
    await pour(session, 4_000, () => frame(FRAME.continuation, 0, 1, filler));
    await until("the connection to be closed", 10, () => session.closed());
    expect((await memory()) - before).toBeLessThan(64_000_000);
    await servesOthers();
  });

  test("of PINGs and SETTINGS costs no memory", async () => {
    const before = await memory();
    for (const piece of [frame(FRAME.ping, 0, 0, Buffer.alloc(8)), frame(FRAME.settings, 0, 0)]) {
      const session = await raw();
      const many = Buffer.concat(Array(1_000).fill(piece));
      // Answers are not read: they must not be kept without bound either.
      session.socket.pause();
      await Promise.race([
        pour(session, 300, () => many),
        new Promise((done) => {
          setTimeout(done, 3_000);
        }),
      ]);
      expect((await memory()) - before).toBeLessThan(96_000_000);
      session.socket.destroy();
    }
    await servesOthers();
  });

  test("of streams at a time is bounded by the setting, which the client is told", async () => {
    const session = await raw();
    await until("the settings", 5, () => session.seen.some(({ type }) => type === FRAME.settings));
    const before = backend.connections;
    session.socket.write(Buffer.concat(Array.from({ length: 200 }, (_, i) => begin(i * 2 + 1))));
    await until(
      "the rest to be refused",
      10,
      () => session.closed() || session.seen.some(({ type }) => type === FRAME.rst),
    );
    expect(backend.connections - before).toBeLessThanOrEqual(50);
    session.socket.destroy();
    await servesOthers();
  });
});

describe("a request", () => {
  test.each<[string, readonly (readonly [string, string])[]]>([
    ["without an authority", [[":method", "CONNECT"]]],
    [
      "with an authority that is none",
      [
        [":method", "CONNECT"],
        [":authority", "orders"],
      ],
    ],
    [
      "that is a GET",
      [
        [":method", "GET"],
        [":scheme", "https"],
        [":authority", "x:80"],
        [":path", "/"],
      ],
    ],
    [
      "that is an extended CONNECT",
      [
        [":method", "CONNECT"],
        [":protocol", "websocket"],
        [":scheme", "https"],
        [":authority", "x:80"],
        [":path", "/"],
      ],
    ],
    [
      "with a field of 100 kB",
      [
        [":method", "CONNECT"],
        [":authority", "127.0.0.1:1"],
        ["x", "a".repeat(15_000)],
        ["y", "a".repeat(1_000)],
      ],
    ],
  ])("%s is refused, and nothing is dialled", async (_, fields) => {
    const before = backend.connections;
    const session = await raw();
    session.socket.write(frame(FRAME.headers, FLAG.endHeaders, 1, headers(fields)));
    await until("an answer", 10, () => session.closed() || session.seen.some(({ stream }) => stream === 1));
    const answer = session.seen.find(({ stream, type }) => stream === 1 && type === FRAME.headers);
    // Indexed field 8 of the static table is `:status 200`.
    expect(answer?.payload[0]).not.toBe(0x88);
    expect(backend.connections).toBe(before);
    session.socket.destroy();
  });

  test.each([
    "169.254.169.254:80",
    "127.0.0.1:22",
    "10.0.0.1:5432",
    "localhost:5432",
    "metadata.internal:80",
  ])("to %s, which nobody declared, is refused and recorded", async (authority) => {
    const session = openSession({ port: hbone, ca: proxy.ca, client: proxy.client(API) });
    expect((await openStream(session, authority)).status).toBe(403);
    expect(await proxy.record({ "dst.hbone_addr": authority })).toMatchObject({
      close: "denied",
      "src.identity": API,
    });
    session.destroy();
  });
});

describe("a client", () => {
  test("that is silent after TCP is let go", async () => {
    const { connect } = await import("node:net");
    const socket = connect({ host: "127.0.0.1", port: hbone });
    await until(
      "it to be closed",
      10,
      () => socket.destroyed || socket.readableEnded || !socket.resume().readable,
    );
  });

  test("that speaks garbage instead of HTTP/2 is let go", async () => {
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.alloc(64, 0xff),
      PREFACE.subarray(0, 10),
    ]) {
      const session = await openRaw({ port: hbone, ca: proxy.ca, client: proxy.client(API) }, false);
      session.socket.write(bytes);
      if (bytes.length > 10) await until("it to be closed", 10, () => session.closed());
      session.socket.destroy();
    }
    await servesOthers();
  });

  test("that sends any frames at all harms nobody else", async () => {
    const anyFrame = fc
      .tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 9 }),
        fc.uint8Array({ maxLength: 80 }),
      )
      .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), async (frames) => {
        const session = await raw();
        session.socket.write(Buffer.concat([begin(1), ...frames]));
        // Whatever it does with these, it answers the PING of settings, or closes.
        await until("an answer", 10, () => session.closed() || session.seen.length > 0);
        session.socket.destroy();
      }),
      { numRuns: 150 },
    );
    await servesOthers();
    const live = (await proxy.admin("GET", "/connections")) as unknown[];
    await until(
      "nothing of it to be left",
      20,
      async () => ((await proxy.admin("GET", "/connections")) as unknown[]).length === 0,
    );
    expect(live.length).toBeLessThan(100);
  });
});
