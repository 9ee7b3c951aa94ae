import {
  CLIENT_CONNECT_WITH_DB,
  CLIENT_SSL,
  type Greeting,
  type LoginRequest,
  MysqlError,
  withoutTls,
} from "../protocol/mysql-packets.ts";

/** Capability flags of MySQL's protocol that say how a login is written, which is between proxy and server alone. */
const CLIENT_SECURE_CONNECTION = 1 << 15;
const CLIENT_PLUGIN_AUTH = 1 << 19;
const CLIENT_CONNECT_ATTRS = 1 << 20;
const CLIENT_PLUGIN_AUTH_LENENC = 1 << 21;
const LOGIN_FORM = CLIENT_SSL | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH | CLIENT_PLUGIN_AUTH_LENENC;

const CLEAR_PASSWORD = "mysql_clear_password";

const NATIVE = "mysql_native_password";

/** Throws for a server that cannot ask for a token, or not over TLS. */
export function checkServer({ capabilities }: Greeting): void {
  if ((capabilities & CLIENT_PLUGIN_AUTH) === 0) {
    throw new MysqlError("the server knows no authentication plugins, and so no IAM tokens");
  }
  if ((capabilities & CLIENT_SSL) === 0) throw new MysqlError("the server offers no TLS");
}

/**
 * The server's greeting as the client gets it: without TLS, which the client has already, and with the plugin whose proof is
 * one packet that nothing follows. With another one, a client that has a password waits for more than the OK.
 */
export function greetingForClient(payload: Uint8Array, { plugin }: Greeting): Uint8Array {
  const copy = Buffer.from(withoutTls(payload));
  const named = Buffer.from(`${plugin}\0`);
  const start = copy.length - named.length;
  if (start < 0 || !copy.subarray(start).equals(named)) return copy;
  return Buffer.concat([copy.subarray(0, start), Buffer.from(`${NATIVE}\0`)]);
}

/**
 * The client's login as another user, over TLS and without a proof: the server then asks for the one that its user needs.
 * What client and server agree on for the time after (result formats, compression, session tracking) is the client's.
 */
export function writeBrokeredLogin(login: LoginRequest, server: Greeting, user: string): Uint8Array {
  const agreed = login.capabilities & server.capabilities & ~LOGIN_FORM;
  const capabilities = agreed | CLIENT_SSL | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
  const zero = Uint8Array.of(0);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(capabilities >>> 0);
  return Buffer.concat([
    head,
    login.middle,
    Buffer.from(user),
    zero,
    // The length of the proof: none.
    zero,
    ...(login.database && capabilities & CLIENT_CONNECT_WITH_DB ? [login.database, zero] : []),
    Buffer.from(`${NATIVE}\0`),
    ...(capabilities & CLIENT_CONNECT_ATTRS ? [login.attributes] : []),
  ]);
}

/** True for an AuthSwitchRequest to the plugin that takes a password as it is. */
export function isClearPasswordRequest(payload: Uint8Array): boolean {
  const end = payload.indexOf(0, 1);
  const name = Buffer.from(payload.subarray(1, end < 0 ? payload.length : end)).toString("latin1");
  return payload[0] === 0xfe && name === CLEAR_PASSWORD;
}
