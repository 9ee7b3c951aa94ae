/** What strangers may send first: valid openings of every protocol that the proxy reads, and ways to damage them. */

/** Random numbers that a seed repeats (mulberry32): a million inputs need a generator that is cheap, and a failure its seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** A ClientHello with this server name, in records of at most `fragment` bytes. */
export function clientHello(name: string, fragment = 16_384): Uint8Array {
  const host = [...ascii(name)];
  const list = [0, ...u16(host.length), ...host];
  const sni = [...u16(0), ...u16(list.length + 2), ...u16(list.length), ...list];
  const versions = [...u16(43), ...u16(3), 2, 3, 4];
  const extensions = [...sni, ...versions];
  const random32 = Array.from({ length: 32 }, () => 7);
  const body = [3, 3, ...random32, 0, 0, 2, 0x13, 1, 1, 0, ...u16(extensions.length), ...extensions];
  const message = [1, 0, ...u16(body.length), ...body];
  const records: number[] = [];
  for (let at = 0; at < message.length; at += fragment) {
    const part = message.slice(at, at + fragment);
    records.push(22, 3, 1, ...u16(part.length), ...part);
  }
  return Uint8Array.from(records);
}

const proxyV2 = (command: number, family: number, length: number): Uint8Array =>
  Uint8Array.from([
    ...ascii("\r\n\r\n\0\r\nQUIT\n"),
    command,
    family,
    ...u16(length),
    ...[127, 0, 0, 1, 127, 0, 0, 1, 0, 80, 0, 81],
  ]);

const startup = ascii("\0\0\0\x29\0\x03\0\0user\0alice\0database\0shop\0\0\0\0\0\0\0\0\0");
const sslRequest = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f);
const gssRequest = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x30);
const mysqlSslRequest = Uint8Array.from([
  ...[32, 0, 0, 1, 0x8d, 0xaa, 0x0f, 0, 0, 0, 0, 1, 45],
  ...Array.from({ length: 23 }, () => 0),
]);

/** By name, so that a failure says which. */
export const OPENINGS: readonly (readonly [string, Uint8Array])[] = [
  ["a ClientHello", clientHello("db.example.com")],
  ["a ClientHello in small records", clientHello("db.example.com", 7)],
  ["a ClientHello with a name of 250 bytes", clientHello("a.".repeat(125))],
  ["an SSL 2.0 hello", Uint8Array.of(0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10)],
  ["a TLS alert", Uint8Array.of(21, 3, 3, 0, 2, 2, 40)],
  ["a PROXY header v1", ascii("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nhello")],
  ["a PROXY header v1 of IPv6", ascii("PROXY TCP6 2001:db8::1 ::1 1 2\r\n")],
  ["a PROXY header v2", proxyV2(0x21, 0x11, 12)],
  ["a PROXY header v2 that says LOCAL", proxyV2(0x20, 0, 0)],
  ["a PROXY header v2 that claims 64 KiB", proxyV2(0x21, 0x11, 65_535)],
  [
    "a CONNECT",
    ascii("CONNECT echo:7 HTTP/1.1\r\nHost: echo:7\r\nProxy-Authorization: Bearer x\r\n\r\nhello"),
  ],
  ["a CONNECT to a metadata service", ascii("CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n")],
  ["a GET", ascii("GET /v1/access HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n")],
  ["an HTTP/2 preface", ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["PostgreSQL's SSLRequest", sslRequest],
  ["PostgreSQL's SSLRequest with a startup behind it", Uint8Array.from([...sslRequest, ...startup])],
  [
    "PostgreSQL's GSSENCRequest, five times",
    Uint8Array.from(Array.from({ length: 5 }, () => [...gssRequest]).flat()),
  ],
  ["PostgreSQL's startup", startup],
  ["MySQL's SSLRequest", mysqlSslRequest],
  ["MySQL's SSLRequest with a ClientHello", Uint8Array.from([...mysqlSslRequest, ...clientHello("db")])],
  ["Redis' AUTH", ascii("*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$2\r\npw\r\n")],
  ["Redis' array of two thousand million", ascii("*2147483647\r\n$2147483647\r\n")],
  ["Kafka's ApiVersions", Uint8Array.from([0, 0, 0, 16, 0, 18, 0, 3, 0, 0, 0, 1, 0, 6, ...ascii("rdkafk")])],
  [
    "MongoDB's OP_MSG head",
    Uint8Array.from([40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0, 19, 0, 0, 0]),
  ],
  ["nothing", new Uint8Array()],
  ["zeroes", new Uint8Array(64)],
  ["one line that never ends", ascii("a".repeat(4_096))],
];

/** One input: an opening, whole, cut off, with bytes changed, a piece taken out or doubled, two of them, or plain noise. */
export function hostileInput(next: (below: number) => number): {
  readonly name: string;
  readonly bytes: Uint8Array;
} {
  const [name, valid] = OPENINGS[next(OPENINGS.length)] ?? ["nothing", new Uint8Array()];
  switch (next(6)) {
    case 0:
      return { name: `${name}, cut off`, bytes: valid.subarray(0, next(valid.length + 1)) };
    case 1: {
      const bytes = Uint8Array.from(valid);
      for (let count = 1 + next(4); count > 0 && bytes.length > 0; count--)
        bytes[next(bytes.length)] = next(256);
      return { name: `${name}, changed`, bytes };
    }
    case 2: {
      const at = next(valid.length + 1);
      const end = Math.min(valid.length, at + next(20));
      return {
        name: `${name}, a piece taken out`,
        bytes: concat(valid.subarray(0, at), valid.subarray(end)),
      };
    }
    case 3: {
      const at = next(valid.length + 1);
      const piece = valid.subarray(at, at + next(40));
      return {
        name: `${name}, a piece doubled`,
        bytes: concat(valid.subarray(0, at), piece, piece, valid.subarray(at)),
      };
    }
    case 4: {
      const [other, more] = OPENINGS[next(OPENINGS.length)] ?? ["nothing", new Uint8Array()];
      return { name: `${name}, then ${other}`, bytes: concat(valid, more) };
    }
    default: {
      const bytes = new Uint8Array(next(120));
      for (let at = 0; at < bytes.length; at++) bytes[at] = next(256);
      return { name: "noise", bytes };
    }
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}
