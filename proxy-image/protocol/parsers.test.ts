import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClientHello, readClientHello } from "./client-hello.ts";
import { readConnectHead } from "./connect-head.ts";
import {
  MysqlError,
  readGreeting,
  readLogin,
  readPacket,
  writeGreeting,
  writePacket,
} from "./mysql-packets.ts";
import { hasNotes, NoteTaker } from "./notes.ts";
import { readPostgresOpening } from "./postgres-opening.ts";
import { PP2_TYPE_SPIFFE_ID, readProxyHeader, writeProxyHeader } from "./proxy-header.ts";

/** Inputs for each property. `PROXY_FUZZ_RUNS` raises it: a million runs take some minutes. */
const numRuns = Number(process.env["PROXY_FUZZ_RUNS"] ?? 3_000);

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A ClientHello with this server name, in records of at most `fragment` bytes. */
function hello(name: string, fragment = 16_384): Uint8Array {
  const host = [...bytesOf(name)];
  const list = [0, ...u16(host.length), ...host];
  const sni = [...u16(0), ...u16(list.length + 2), ...u16(list.length), ...list];
  const alpn = [...u16(16), ...u16(5), ...u16(3), 2, 0x68, 0x32];
  const extensions = [...sni, ...alpn];
  const body = [
    3,
    3,
    ...Array.from({ length: 32 }, () => 7),
    0,
    0,
    2,
    0x13,
    1,
    1,
    0,
    ...u16(extensions.length),
    ...extensions,
  ];
  const message = [1, 0, ...u16(body.length), ...body];
  const records: number[] = [];
  for (let at = 0; at < message.length; at += fragment) {
    const part = message.slice(at, at + fragment);
    records.push(22, 3, 1, ...u16(part.length), ...part);
  }
  return Uint8Array.from(records);
}

/** Whatever damages a valid message: a byte changed, a piece cut out or doubled. */
const damage = fc.record({ at: fc.nat(600), byte: fc.nat(255), cut: fc.nat(20), repeat: fc.nat(3) });
type Damage = { at: number; byte: number; cut: number; repeat: number };

function damaged(valid: Uint8Array, { at, byte, cut, repeat }: Damage): Uint8Array {
  const place = at % Math.max(valid.length, 1);
  const copy = [...valid];
  copy[place] = byte;
  const piece = copy.splice(place, cut);
  for (let count = 0; count < repeat; count++) copy.splice(place, 0, ...piece);
  return Uint8Array.from(copy);
}

describe("a PROXY header", () => {
  test("written is read back, whatever follows it", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6())),
        fc.nat(65_535),
        fc.uint8Array({ maxLength: 20 }),
        fc.option(fc.constant("spiffe://a.org/ns/x/sa/y"), { nil: undefined }),
        ([source, destination], port, rest, id) => {
          const header = writeProxyHeader({ address: source, port }, { address: destination, port: 1 }, id);
          const read = readProxyHeader(Buffer.concat([header, rest]));
          expect(read).toMatchObject({ state: "done", length: header.length, source: { port } });
          for (let end = 0; end < header.length; end++)
            expect(readProxyHeader(header.subarray(0, end)).state).toBe("more");
        },
      ),
      { numRuns: 200 },
    );
  });

  test("carries the SPIFFE ID in its own TLV", () => {
    const header = writeProxyHeader(
      { address: "10.0.0.1", port: 1 },
      { address: "10.0.0.2", port: 2 },
      "spiffe://a/b",
    );
    expect([...header.subarray(28, 31)]).toEqual([PP2_TYPE_SPIFFE_ID, 0, 12]);
    expect(Buffer.from(header.subarray(31)).toString()).toBe("spiffe://a/b");
  });

  test.each([
    ["PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nrest", { address: "192.0.2.1", port: 56324 }],
    ["PROXY TCP6 2001:db8::1 ::1 1 2\r\n", { address: "2001:db8::1", port: 1 }],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", { address: "::ffff:192.0.2.1", port: 1 }],
    ["PROXY UNKNOWN\r\n", undefined],
    ["PROXY UNKNOWN ffff::1 ::2 1 2\r\n", undefined],
  ])("of version 1 is understood: %j", (text, source) => {
    expect(readProxyHeader(bytesOf(text))).toMatchObject({ state: "done", source });
  });

  test.each([
    "GET / HTTP/1.1\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
    "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
    "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
    "PROXY TCP6 1::2::3 ::1 1 2\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
    "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    `PROXY TCP4 ${"1".repeat(120)}`,
    "\r\n\r\n\0\r\nQUIX\n",
    "\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c000000000000",
    "\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c000000000000",
    "\r\n\r\n\0\r\nQUIT\n\x21\x31\0\x00",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd",
  ])("that is malformed is refused: %j", (text) => {
    expect(readProxyHeader(Buffer.from(text, "latin1")).state).toBe("bad");
  });

  test("never makes the reader throw or wait beyond its bound, for any bytes", () => {
    const v2 = writeProxyHeader(
      { address: "10.0.0.1", port: 1 },
      { address: "10.0.0.2", port: 2 },
      "spiffe://a/b",
    );
    const v1 = bytesOf("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n");
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      damage.map((one) => damaged(v2, one)),
      damage.map((one) => damaged(v1, one)),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const read = readProxyHeader(bytes);
        if (read.state === "more")
          expect(readProxyHeader(Buffer.concat([bytes, new Uint8Array(5_000)])).state).not.toBe("more");
        if (read.state === "done") expect(read.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns },
    );
  });
});

describe("a ClientHello", () => {
  test("gives its server name and ALPN, however it is cut into records and reads", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (fragment) => {
        const bytes = hello("DB.example.com", fragment);
        expect(readClientHello(bytes)).toEqual({ state: "done", sni: "db.example.com", alpn: ["h2"] });
        for (let end = 0; end < bytes.length; end += 3)
          expect(readClientHello(bytes.subarray(0, end)).state).toBe("more");
      }),
      { numRuns: 50 },
    );
  });

  test.each<[string, Uint8Array]>([
    ["plain HTTP", bytesOf("GET / HTTP/1.1\r\n")],
    ["an alert", Uint8Array.of(21, 3, 3, 0, 2, 2, 40)],
    ["an empty record", Uint8Array.of(22, 3, 1, 0, 0)],
    ["an oversize record", Uint8Array.of(22, 3, 1, 0xff, 0xff)],
    ["a ServerHello", Uint8Array.of(22, 3, 1, 0, 4, 2, 0, 0, 0)],
    ["an oversize message", Uint8Array.of(22, 3, 1, 0, 4, 1, 0xff, 0, 0)],
    ["a name with a NUL", hello("db.example.com\0.evil.com")],
    ["an empty name", hello("")],
  ])("that is %s is refused", (_, bytes) => {
    expect(readClientHello(bytes).state).toBe("bad");
  });

  test("never makes the reader throw, for any bytes", () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      damage.map((one) => damaged(hello("db.example.com"), one)),
      damage.map((one) => damaged(hello("db.example.com", 40), one)),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const read: ClientHello = readClientHello(bytes);
        if (read.state === "done" && read.sni !== undefined)
          expect(read.sni).toMatch(/^[a-z0-9_][a-z0-9_.-]*$/);
      }),
      { numRuns },
    );
  });
});

describe("a CONNECT head", () => {
  const good =
    "CONNECT orders-db:5432 HTTP/1.1\r\nHost: orders-db:5432\r\nProxy-Authorization: Bearer x\r\n\r\n";

  test("names its service, and keeps the credential apart from what may be logged", () => {
    const read = readConnectHead(bytesOf(`${good}rest`), 16_384);
    expect(read).toMatchObject({
      state: "done",
      length: good.length,
      host: "orders-db",
      port: 5432,
      authorization: "Bearer x",
    });
    if (read.state === "done") expect([...read.headers.keys()]).toEqual(["host"]);
  });

  test("may be a question about access, of all services or one", () => {
    const all = readConnectHead(
      bytesOf("GET /v1/access HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n"),
      16_384,
    );
    expect(all).toMatchObject({ state: "done", method: "GET", host: "", authorization: "Bearer x" });
    const one = readConnectHead(bytesOf("GET /v1/access/orders-db:5432 HTTP/1.1\r\n\r\n"), 16_384);
    expect(one).toMatchObject({ state: "done", method: "GET", host: "orders-db", port: 5432 });
  });

  test("takes no credential for itself that is meant for what is behind the tunnel", () => {
    const read = readConnectHead(
      bytesOf("CONNECT orders-db:1 HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n"),
      16_384,
    );
    expect(read).toMatchObject({ state: "done", authorization: undefined });
  });

  test("waits for its end", () => {
    for (let end = 0; end < good.length; end++)
      expect(readConnectHead(bytesOf(good.slice(0, end)), 16_384).state).toBe("more");
  });

  test.each<[string, string, number]>([
    ["another method", "POST /v1/access HTTP/1.1\r\n\r\n", 405],
    ["a page of another server", "GET http://x/ HTTP/1.1\r\n\r\n", 404],
    ["a question with a query", "GET /v1/access?all HTTP/1.1\r\n\r\n", 404],
    ["a question that climbs", "GET /v1/access/../connections:1 HTTP/1.1\r\n\r\n", 404],
    ["two credentials", "GET /v1/access HTTP/1.1\r\nAuthorization: a\r\nProxy-Authorization: b\r\n\r\n", 400],
    ["an absolute target", "CONNECT http://x:1/ HTTP/1.1\r\n\r\n", 400],
    ["no port", "CONNECT orders-db HTTP/1.1\r\n\r\n", 400],
    ["a port out of range", "CONNECT orders-db:70000 HTTP/1.1\r\n\r\n", 400],
    ["user information", "CONNECT a@orders-db:1 HTTP/1.1\r\n\r\n", 400],
    ["HTTP/1.0", "CONNECT orders-db:1 HTTP/1.0\r\n\r\n", 505],
    ["a body", "CONNECT orders-db:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400],
    ["chunks", "CONNECT orders-db:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    ["a folded header", "CONNECT orders-db:1 HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400],
    ["a space before the colon", "CONNECT orders-db:1 HTTP/1.1\r\nA : b\r\n\r\n", 400],
    [
      "a header twice",
      "CONNECT orders-db:1 HTTP/1.1\r\nProxy-Authorization: a\r\nproxy-authorization: b\r\n\r\n",
      400,
    ],
    ["a bare line feed", "CONNECT orders-db:1 HTTP/1.1\nA: b\r\n\r\n", 400],
    ["a NUL", "CONNECT orders-db:1 HTTP/1.1\r\nA: \0\r\n\r\n", 400],
    [
      "too many headers",
      `CONNECT orders-db:1 HTTP/1.1\r\n${Array.from({ length: 70 }, (_, n) => `h${n}: 1\r\n`).join("")}\r\n`,
      431,
    ],
    ["no end", `CONNECT orders-db:1 HTTP/1.1\r\nA: ${"b".repeat(20_000)}`, 431],
  ])("with %s is refused", (_, text, status) => {
    expect(readConnectHead(bytesOf(text), 16_384)).toMatchObject({ state: "bad", status });
  });

  test("never makes the reader throw, for any bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          damage.map((one) => damaged(bytesOf(good), one)),
        ),
        (bytes) => {
          const read = readConnectHead(bytes, 16_384);
          if (read.state === "done" && read.method === "CONNECT")
            expect(read.host).toMatch(/^[A-Za-z0-9_.-]+$/);
        },
      ),
      { numRuns },
    );
  });
});

describe("notes of the first bytes", () => {
  const startup = (parameters: string): Uint8Array => {
    const body = Buffer.concat([Uint8Array.of(0, 3, 0, 0), bytesOf(parameters)]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length + 4);
    return Buffer.concat([length, body]);
  };
  const kafka = Uint8Array.of(0, 0, 0, 18, 0, 18, 0, 3, 0, 0, 0, 1, 0, 8, ...bytesOf("rdkafka\n"));
  const mongoDocument = bson({
    hello: 1,
    client: { application: { name: "shop" }, driver: { name: "nodejs" } },
    saslSupportedMechs: "admin.bob",
  });
  const mongo = opMsg(mongoDocument);
  const login = Uint8Array.from([
    ...[0x8d, 0xa2, 0x0f, 0, 0, 0, 0, 1, 45, ...Array.from({ length: 23 }, () => 0)],
    ...bytesOf("root\0"),
    0,
    ...bytesOf("shop\0mysql_native_password\0"),
  ]);
  const mysql = writePacket(1, login);
  const examples = [
    [
      "postgres",
      startup("user\0alice\0database\0shop\0application_name\0psql\0\0"),
      { "db.user": "alice", "db.name": "shop", "db.application": "psql" },
    ],
    ["postgres", startup("user\0alice\0\0"), { "db.user": "alice", "db.name": "alice" }],
    ["mysql", mysql, { "db.user": "root", "db.name": "shop" }],
    ["redis", bytesOf("*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$2\r\npw\r\n"), { "db.user": "bob" }],
    ["redis", bytesOf("*2\r\n$4\r\nauth\r\n$2\r\npw\r\n"), { "db.user": "default" }],
    [
      "redis",
      bytesOf("*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$2\r\npw\r\n"),
      { "db.user": "bob" },
    ],
    ["kafka", kafka, { "client.id": "rdkafka\n" }],
    ["mongo", mongo, { "client.id": "shop", "db.user": "bob", "db.name": "admin" }],
    ["tls", hello("db.example.com"), { sni: "db.example.com" }],
  ] as const;

  test.each(examples)("of %s name who and what", (protocol, bytes, expected) => {
    expect(hasNotes(protocol)).toBe(true);
    expect(new NoteTaker(protocol).take(bytes)).toEqual(expected);
  });

  test.each(examples)("of %s are the same byte by byte", (protocol, bytes, expected) => {
    const taker = new NoteTaker(protocol);
    let note: unknown = "more";
    for (const byte of bytes) {
      if (note !== "more") break;
      note = taker.take(Uint8Array.of(byte));
    }
    expect(note).toEqual(expected);
  });

  test("never hold a password", () => {
    for (const [protocol, bytes] of examples)
      expect(JSON.stringify(new NoteTaker(protocol).take(bytes))).not.toContain("pw");
  });

  test("never throw, and never grow, for any bytes", () => {
    const any = fc.oneof(
      fc.record({
        protocol: fc.constantFrom(...examples.map(([name]) => name)),
        bytes: fc.uint8Array({ maxLength: 300 }),
      }),
      fc
        .tuple(fc.constantFrom(...examples), damage)
        .map(([[protocol, bytes], one]) => ({ protocol, bytes: damaged(bytes, one) })),
    );
    fc.assert(
      fc.property(any, ({ protocol, bytes }) => {
        const note = new NoteTaker(protocol).take(bytes);
        if (typeof note !== "string")
          for (const value of Object.values(note)) expect(value.length).toBeLessThanOrEqual(128);
      }),
      { numRuns: numRuns * 3 },
    );
  });

  test("give up on a client that never says anything readable", () => {
    for (const protocol of ["redis", "postgres", "mongo", "kafka", "mysql", "tls"] as const) {
      const taker = new NoteTaker(protocol);
      let note: unknown = "more";
      for (let count = 0; count < 5_000 && note === "more"; count++) note = taker.take(Uint8Array.of(0));
      expect(note).not.toBe("more");
    }
  });
});

describe("a PostgreSQL opening and MySQL packets", () => {
  test("are told apart", () => {
    expect(readPostgresOpening(Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f)).state).toBe("ssl-request");
    expect(readPostgresOpening(Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x30)).state).toBe("gssenc-request");
    expect(readPostgresOpening(Uint8Array.of(0, 0, 0, 9, 4, 0xd2, 0x16, 0x2f)).state).toBe("bad");
    expect(readPostgresOpening(Uint8Array.of(0, 0, 0, 20, 0, 3, 0, 0)).state).toBe("plain");
    expect(readPostgresOpening(Uint8Array.of(22)).state).toBe("tls");
    expect(readPostgresOpening(bytesOf("GET / HTTP")).state).toBe("bad");
  });

  test("the proxy's own greeting reads as a server's", () => {
    const scramble = Uint8Array.from({ length: 20 }, (_, index) => index + 1);
    const greeting = readGreeting(writeGreeting("8.0.0-portreeve", 7, scramble));
    expect([...greeting.scramble]).toEqual([...scramble]);
    expect(greeting.plugin).toBe("mysql_native_password");
  });

  test("any bytes are read or refused, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readPostgresOpening(bytes);
        for (const read of [readGreeting, readLogin, readPacket]) {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MysqlError);
          }
        }
      }),
      { numRuns },
    );
  });
});

/** BSON of strings, numbers and documents. */
function bson(value: Record<string, unknown>): Buffer {
  const parts = Object.entries(value).map(([name, one]) => {
    const key = Buffer.from(`${name}\0`);
    if (typeof one === "string") {
      const text = Buffer.from(`${one}\0`);
      const length = Buffer.alloc(4);
      length.writeInt32LE(text.length);
      return Buffer.concat([Uint8Array.of(2), key, length, text]);
    }
    if (typeof one === "number") {
      const number = Buffer.alloc(4);
      number.writeInt32LE(one);
      return Buffer.concat([Uint8Array.of(16), key, number]);
    }
    return Buffer.concat([Uint8Array.of(3), key, bson(one as Record<string, unknown>)]);
  });
  const body = Buffer.concat([...parts, Uint8Array.of(0)]);
  const length = Buffer.alloc(4);
  length.writeInt32LE(body.length + 4);
  return Buffer.concat([length, body]);
}

function opMsg(document: Buffer): Buffer {
  const head = Buffer.alloc(21);
  head.writeInt32LE(21 + document.length, 0);
  head.writeInt32LE(2013, 12);
  return Buffer.concat([head, document]);
}
