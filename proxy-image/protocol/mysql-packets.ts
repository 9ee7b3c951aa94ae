/** Capability flags that matter here (MySQL client/server protocol, "Capabilities Flags"). */
export const CLIENT_CONNECT_WITH_DB = 1 << 3;
export const CLIENT_SSL = 1 << 11;
const CLIENT_PROTOCOL_41 = 1 << 9;
const CLIENT_SECURE_CONNECTION = 1 << 15;
const CLIENT_PLUGIN_AUTH = 1 << 19;
const CLIENT_CONNECT_ATTRS = 1 << 20;
const CLIENT_PLUGIN_AUTH_LENENC = 1 << 21;

/**
 * What the proxy offers before it knows the server: only what every MySQL since 5.6 and MariaDB since 10.0 has, so that
 * nothing is agreed with the client that the server then cannot do. No compression, no session tracking.
 */
const OFFERED =
  1 |
  2 |
  4 |
  CLIENT_CONNECT_WITH_DB |
  64 |
  128 |
  256 |
  CLIENT_PROTOCOL_41 |
  1024 |
  CLIENT_SSL |
  8192 |
  CLIENT_SECURE_CONNECTION |
  (1 << 16) |
  (1 << 17) |
  (1 << 18) |
  CLIENT_PLUGIN_AUTH |
  CLIENT_CONNECT_ATTRS |
  CLIENT_PLUGIN_AUTH_LENENC;

/** A packet of the login never comes near this; a longer one is an attack on memory. */
const MAX_LOGIN_PACKET = 65_536;

export class MysqlError extends Error {}

/** A whole packet. */
export interface Packet {
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** With its header. */
  readonly length: number;
}

/** The first packet of these bytes; undefined when more is needed. */
export function readPacket(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 4) return undefined;
  const size = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16);
  if (size > MAX_LOGIN_PACKET) throw new MysqlError("a packet too long for a login");
  if (bytes.length < 4 + size) return undefined;
  return { sequence: bytes[3] ?? 0, payload: bytes.subarray(4, 4 + size), length: 4 + size };
}

export function writePacket(sequence: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(4 + payload.length);
  packet[0] = payload.length & 255;
  packet[1] = (payload.length >> 8) & 255;
  packet[2] = payload.length >> 16;
  packet[3] = sequence & 255;
  packet.set(payload, 4);
  return packet;
}

/** HandshakeV10, as far as a middleman needs it. */
export interface Greeting {
  readonly capabilities: number;
  /** 20 bytes. */
  readonly scramble: Uint8Array;
  readonly plugin: string;
}

export function readGreeting(payload: Uint8Array): Greeting {
  if (payload[0] !== 10) throw new MysqlError("an unknown protocol version");
  const reader = new PacketReader(payload, 1);
  reader.zeroTerminated();
  reader.skip(4);
  const first = reader.take(8);
  reader.skip(1);
  const low = reader.u16();
  reader.skip(3);
  const high = reader.u16();
  const size = reader.u8();
  reader.skip(10);
  const second = reader.take(Math.max(12, size - 9));
  reader.skip(1);
  const plugin = reader.left > 0 ? text(reader.zeroTerminated()) : "mysql_native_password";
  return {
    capabilities: low | (high << 16),
    scramble: Buffer.concat([first, second.subarray(0, 12)]),
    plugin,
  };
}

/** Copies a greeting without the offer of TLS: to a client that reaches the server by other TLS than its own. */
export function withoutTls(payload: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(payload);
  const low = payload.indexOf(0, 1) + 1 + 4 + 8 + 1;
  copy[low + 1] = (copy[low + 1] ?? 0) & ~(CLIENT_SSL >> 8);
  return copy;
}

/** The proxy's own greeting. The scramble is used for nothing: the server's replaces it before the client answers to one. */
export function writeGreeting(version: string, connectionId: number, scramble: Uint8Array): Uint8Array {
  const tail = Buffer.alloc(31);
  tail.writeUInt16LE(OFFERED & 0xffff, 0);
  tail.writeUInt8(45, 2);
  tail.writeUInt16LE(2, 3);
  tail.writeUInt16LE(OFFERED >>> 16, 5);
  tail.writeUInt8(21, 7);
  const id = Buffer.alloc(4);
  id.writeUInt32LE(connectionId >>> 0);
  return Buffer.concat([
    Uint8Array.of(10),
    Buffer.from(`${version}\0`),
    id,
    scramble.subarray(0, 8),
    Uint8Array.of(0),
    tail.subarray(0, 18),
    scramble.subarray(8, 20),
    Uint8Array.of(0),
    Buffer.from("mysql_native_password\0"),
  ]);
}

/** True for SSLRequest: a login's head with the TLS flag, and nothing after it. */
export function isSslRequest(payload: Uint8Array): boolean {
  return payload.length === 32 && ((payload[1] ?? 0) & (CLIENT_SSL >> 8)) !== 0;
}

/** HandshakeResponse41. */
export interface LoginRequest {
  readonly capabilities: number;
  /** Maximum packet size, character set and reserved bytes, as they came. */
  readonly middle: Uint8Array;
  readonly user: Uint8Array;
  readonly database: Uint8Array | undefined;
  readonly attributes: Uint8Array;
}

export function readLogin(payload: Uint8Array): LoginRequest {
  const reader = new PacketReader(payload, 0);
  const capabilities = reader.u16() | (reader.u16() << 16);
  if ((capabilities & CLIENT_PROTOCOL_41) === 0) throw new MysqlError("a client of before MySQL 4.1");
  const middle = reader.take(28);
  const user = reader.zeroTerminated();
  if (capabilities & CLIENT_PLUGIN_AUTH_LENENC) reader.take(reader.lengthEncoded());
  else if (capabilities & CLIENT_SECURE_CONNECTION) reader.take(reader.u8());
  else reader.zeroTerminated();
  const database =
    capabilities & CLIENT_CONNECT_WITH_DB && reader.left > 0 ? reader.zeroTerminated() : undefined;
  if (capabilities & CLIENT_PLUGIN_AUTH && reader.left > 0) reader.zeroTerminated();
  return { capabilities, middle, user, database, attributes: reader.rest() };
}

/** The same login with another proof, for the server whose scramble the proof answers. */
export function writeLogin(
  login: LoginRequest,
  server: Greeting,
  proof: Uint8Array,
  tls: boolean,
): Uint8Array {
  const wanted = login.capabilities & ~(CLIENT_SSL | CLIENT_PLUGIN_AUTH_LENENC);
  const capabilities = (wanted & server.capabilities) | CLIENT_SECURE_CONNECTION | (tls ? CLIENT_SSL : 0);
  if (proof.length > 255) throw new MysqlError("an authentication proof that is too long");
  const head = Buffer.alloc(4);
  head.writeUInt32LE(capabilities >>> 0);
  return Buffer.concat([
    head,
    login.middle,
    login.user,
    Uint8Array.of(0, proof.length),
    proof,
    ...(login.database && capabilities & CLIENT_CONNECT_WITH_DB ? [login.database, Uint8Array.of(0)] : []),
    ...(capabilities & CLIENT_PLUGIN_AUTH ? [Buffer.from(`${server.plugin}\0`)] : []),
    ...(capabilities & CLIENT_CONNECT_ATTRS ? [login.attributes] : []),
  ]);
}

/** AuthSwitchRequest. */
export function writeAuthSwitch({ plugin, scramble }: Greeting): Uint8Array {
  return Buffer.concat([Uint8Array.of(0xfe), Buffer.from(`${plugin}\0`), scramble, Uint8Array.of(0)]);
}

/** ERR_Packet. */
export function writeError(code: number, state: string, message: string): Uint8Array {
  const payload = Buffer.from(`___#${state}${message}`);
  payload.writeUInt8(0xff, 0);
  payload.writeUInt16LE(code, 1);
  return payload;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

class PacketReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new MysqlError("a packet that is cut off");
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  skip(count: number): void {
    this.take(Math.min(count, this.left));
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  lengthEncoded(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    throw new MysqlError("a length that no login has");
  }

  zeroTerminated(): Uint8Array {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw new MysqlError("a text that does not end");
    const found = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return found;
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }
}
