/** Messages of PostgreSQL's protocol 3 that a login needs ("Message Formats"). */

const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** PostgreSQL's own bound (MAX_STARTUP_PACKET_LENGTH). */
const MAX_STARTUP = 10_000;
/** A message before the end of a login is never near this; an error may be long. */
const MAX_MESSAGE = 65_536;

/** Something that is not the protocol. */
export class PostgresError extends Error {}

/** What a client sends first. `length` is that of the whole message. */
export type Opening =
  | { readonly kind: "encryption-request" | "cancel-request"; readonly length: number }
  | { readonly kind: "startup"; readonly length: number; readonly startup: Startup };

export interface Startup {
  /** Major version in the upper half; passed on, so that server and client agree on it themselves. */
  readonly version: number;
  /** In the order in which they came; a name may come twice, and the server takes the last. */
  readonly parameters: readonly (readonly [name: string, value: Uint8Array])[];
}

/** The first message of these bytes; undefined when more is needed. */
export function readOpening(bytes: Uint8Array): Opening | undefined {
  if (bytes[0] === 0x16) throw new PostgresError("TLS inside of the TLS that is there already");
  if (bytes.length < 8) {
    if (bytes.length > 0 && bytes[0] !== 0) throw new PostgresError("no start-up message");
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0);
  const code = view.getUint32(4);
  if (length < 8 || length > MAX_STARTUP)
    throw new PostgresError("a start-up message of a length that none has");
  if (bytes.length < length) return undefined;
  switch (code) {
    case SSL_REQUEST:
    case GSSENC_REQUEST:
      if (length !== 8) throw new PostgresError("a malformed encryption request");
      return { kind: "encryption-request", length };
    case CANCEL_REQUEST:
      // Process id and key; since protocol 3.2 the key has up to 256 bytes.
      if (length < 16 || length > 12 + 256) throw new PostgresError("a malformed cancel request");
      return { kind: "cancel-request", length };
    default:
      if (code >>> 16 !== 3) throw new PostgresError("a protocol that is not PostgreSQL's version 3");
      return { kind: "startup", length, startup: readStartup(code, bytes.subarray(8, length)) };
  }
}

function readStartup(version: number, body: Uint8Array): Startup {
  const parameters: [string, Uint8Array][] = [];
  let at = 0;
  const text = (): Uint8Array => {
    const end = body.indexOf(0, at);
    if (end < 0) throw new PostgresError("a start-up message that is cut off");
    const found = body.subarray(at, end);
    at = end + 1;
    return found;
  };
  for (;;) {
    const name = Buffer.from(text()).toString("latin1");
    if (name === "") break;
    parameters.push([name, text()]);
  }
  // PostgreSQL: "expected terminator as last byte". What stood behind it would be read by nobody, or by somebody else.
  if (at !== body.length) throw new PostgresError("bytes behind the end of the start-up message");
  return { version, parameters };
}

/** A parameter as text; of several, the last. */
export function parameter({ parameters }: Startup, name: string): string | undefined {
  const found = parameters.findLast(([known]) => known === name);
  return found && Buffer.from(found[1]).toString("utf8");
}

/**
 * The client's start-up message as another user. All else stays: database, options, encoding, replication, protocol
 * version and extensions. Where the client names no database it means the one of its own user's name, as the server would
 * have read it.
 */
export function writeStartup({ version, parameters }: Startup, user: string): Uint8Array {
  const asked = parameters.findLast(([name]) => name === "user")?.[1];
  const rest = parameters.filter(([name]) => name !== "user");
  const named = rest.some(([name, value]) => name === "database" && value.length > 0);
  const all: (readonly [string, Uint8Array])[] = [["user", Buffer.from(user)], ...rest];
  if (!named && asked !== undefined) all.push(["database", asked]);
  const zero = Uint8Array.of(0);
  const body = all.flatMap(([name, value]) => [Buffer.from(name, "latin1"), zero, value, zero]);
  const head = Buffer.alloc(8);
  const message = Buffer.concat([head, ...body, zero]);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(version >>> 0, 4);
  return message;
}

/** PasswordMessage. */
export function writePassword(password: string): Uint8Array {
  return writeMessage("p", Buffer.from(`${password}\0`));
}

/** ErrorResponse: fields S, V, C and M. */
export function writeFatal(state: string, text: string): Uint8Array {
  return writeMessage("E", Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${text}\0\0`));
}

function writeMessage(type: string, body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

/** A message of the server. */
export interface Message {
  readonly type: string;
  readonly body: Uint8Array;
  /** With its head. */
  readonly length: number;
}

/** The first message of these bytes; undefined when more is needed. */
export function readMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < 5) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(1);
  if (size < 4 || size > MAX_MESSAGE)
    throw new PostgresError("the server sent a message of a length that no login has");
  if (bytes.length < 1 + size) return undefined;
  return {
    type: String.fromCharCode(bytes[0] ?? 0),
    body: bytes.subarray(5, 1 + size),
    length: 1 + size,
  };
}

/** What an Authentication message asks for. */
export function authenticationOf(
  body: Uint8Array,
): "ok" | "cleartext" | "MD5" | "SCRAM" | "GSSAPI" | "another" {
  if (body.length < 4) throw new PostgresError("the server sent an authentication message that is cut off");
  switch (new DataView(body.buffer, body.byteOffset, 4).getUint32(0)) {
    case 0:
      return "ok";
    case 3:
      return "cleartext";
    case 5:
      return "MD5";
    case 7:
    case 9:
      return "GSSAPI";
    case 10:
      return "SCRAM";
    default:
      return "another";
  }
}

/** The SQLSTATE of an ErrorResponse. */
export function sqlStateOf(body: Uint8Array): string {
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at);
    if (end < 0) break;
    if (body[at] === 0x43)
      return Buffer.from(body.subarray(at + 1, end))
        .toString("latin1")
        .slice(0, 5);
    at = end + 1;
  }
  return "unknown";
}
