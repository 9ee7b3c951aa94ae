import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CLIENT_CONNECT_WITH_DB,
  CLIENT_SSL,
  readGreeting,
  readLogin,
  readPacket,
  writeError,
  writeGreeting,
  writePacket,
} from "../protocol/mysql-packets.ts";
import { MysqlBrokeredLogin } from "./mysql-login.ts";
import { latin1, StandInPeers } from "./stand-in-peers.ts";

const PROTOCOL_41 = 1 << 9;
const SECURE_CONNECTION = 1 << 15;
const PLUGIN_AUTH = 1 << 19;
const DEPRECATE_EOF = 1 << 24;

const greeting = writePacket(0, writeGreeting("10.11.2", 7, Buffer.from("abcdefghijklmnopqrst")));
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const switchTo = (plugin: string): Uint8Array => Buffer.from(`\xfe${plugin}\0scramble\0`, "latin1");

/** A client's HandshakeResponse41, with a proof that is to go nowhere. */
function loginOf(user: string, database?: string): Uint8Array {
  const head = Buffer.alloc(32);
  head.writeUInt32LE(
    PROTOCOL_41 |
      SECURE_CONNECTION |
      PLUGIN_AUTH |
      DEPRECATE_EOF |
      (database === undefined ? 0 : CLIENT_CONNECT_WITH_DB),
  );
  head.writeUInt32LE(16_777_216, 4);
  head[8] = 45;
  const proof = Buffer.from("\x06secret", "latin1");
  const rest = `${database === undefined ? "" : `${database}\0`}caching_sha2_password\0`;
  return Buffer.concat([head, Buffer.from(`${user}\0`), proof, Buffer.from(rest)]);
}

/** A login up to the server's answer. */
function begun(greeted: boolean) {
  const peers = new StandInPeers();
  const login = new MysqlBrokeredLogin(peers, greeted);
  login.fromServer(greeting);
  login.fromClient(writePacket(greeted ? 2 : 1, loginOf("me", "orders")));
  peers.give?.();
  peers.secured?.();
  return { peers, login };
}

describe.each([
  [true, 3],
  [false, 2],
])("a login, where the proxy greeted the client itself: %s", (greeted, answer) => {
  test("is the client's as the granted user, without its proof, and the OK has the number that it waits for", () => {
    const { peers, login } = begun(greeted);
    expect(peers.asked).toEqual(["me"]);
    const sent = readPacket(peers.server);
    expect(sent?.sequence).toBe(2);
    const request = readLogin(sent?.payload ?? new Uint8Array(0));
    expect(latin1(request.user)).toBe("orders_app");
    expect(latin1(request.database ?? new Uint8Array(0))).toBe("orders");
    expect(peers.takeServer()).not.toContain("secret");
    // SSLRequest is the head of the same login: both must ask for the same.
    const ssl = readPacket(peers.sslRequest ?? new Uint8Array(0));
    expect(ssl?.sequence).toBe(1);
    expect(latin1(ssl?.payload ?? new Uint8Array(0))).toBe(
      latin1((sent?.payload ?? new Uint8Array(0)).subarray(0, 32)),
    );
    expect(request.capabilities & CLIENT_SSL).not.toBe(0);
    // The server of this greeting does not do this, so it is not agreed on either.
    expect(request.capabilities & DEPRECATE_EOF).toBe(0);

    login.fromServer(writePacket(3, switchTo("mysql_clear_password")));
    expect(peers.takeServer()).toBe(latin1(writePacket(4, Buffer.from("the-token\0"))));
    login.fromServer(Buffer.concat([writePacket(5, OK), Buffer.from("more")]));
    expect(latin1(peers.client).endsWith(latin1(writePacket(answer, OK)))).toBe(true);
    expect(peers.end).toEqual({ how: "done", fromClient: "", fromServer: "more" });
    expect(login.names).toEqual({ user: "orders_app", database: "orders", askedUser: "me" });
  });

  test("that the server refuses ends with its words, under the same number", () => {
    const { peers, login } = begun(greeted);
    login.fromServer(writePacket(3, switchTo("mysql_clear_password")));
    const words = writeError(1045, "28000", "Access denied");
    login.fromServer(writePacket(5, words));
    expect(peers.end).toEqual({
      how: "refused",
      words: latin1(writePacket(answer, words)),
      why: "the server refused the login of orders_app (1045)",
    });
  });

  test.each([
    "mysql_native_password",
    "caching_sha2_password",
    "client_ed25519",
    "dialog",
    "mysql_clear_password2",
  ])("sends no token for the plugin %s", (plugin) => {
    const { peers, login } = begun(greeted);
    peers.takeServer();
    login.fromServer(writePacket(3, switchTo(plugin)));
    expect(peers.takeServer()).toBe("");
    expect(peers.end).toMatchObject({
      how: "failed",
      why: expect.stringContaining("AWSAuthenticationPlugin"),
    });
  });

  test("sends the token once", () => {
    const { peers, login } = begun(greeted);
    login.fromServer(writePacket(3, switchTo("mysql_clear_password")));
    login.fromServer(writePacket(5, switchTo("mysql_clear_password")));
    expect(peers.takeServer().split("the-token")).toHaveLength(2);
    expect(peers.end?.how).toBe("failed");
  });

  test("sends nothing of a login before TLS is verified", () => {
    const peers = new StandInPeers();
    const login = new MysqlBrokeredLogin(peers, greeted);
    login.fromServer(greeting);
    login.fromClient(writePacket(greeted ? 2 : 1, loginOf("me")));
    expect(peers.sslRequest).toBeUndefined();
    peers.give?.();
    expect(peers.sslRequest).toHaveLength(36);
    expect(latin1(peers.server)).toBe("");
  });

  test("is refused by a server that refuses to greet", () => {
    const peers = new StandInPeers();
    const words = writeError(1040, "08004", "Too many connections");
    new MysqlBrokeredLogin(peers, greeted).fromServer(writePacket(0, words));
    expect(peers.end).toMatchObject({ how: "refused", words: latin1(writePacket(greeted ? 3 : 0, words)) });
  });
});

test("a server without TLS, or without plugins, is told off before anything of the client's is sent", () => {
  for (const bit of [CLIENT_SSL, PLUGIN_AUTH]) {
    const bytes = Buffer.from(greeting);
    // The capabilities stand behind the version, the connection's number, half of the scramble and a zero.
    const low = bytes.indexOf(0, 5) + 1 + 4 + 8 + 1;
    const at = bit < 65_536 ? low : low + 5;
    bytes.writeUInt16LE(bytes.readUInt16LE(at) & ~(bit < 65_536 ? bit : bit >>> 16), at);
    const peers = new StandInPeers();
    new MysqlBrokeredLogin(peers, false).fromServer(bytes);
    expect(peers.end).toMatchObject({ how: "failed" });
  }
});

test("a client that is not greeted yet sees the server's greeting, without TLS and with a plugin of one packet", () => {
  const peers = new StandInPeers();
  new MysqlBrokeredLogin(peers, false).fromServer(
    writePacket(
      0,
      Buffer.concat([
        readPacket(greeting)?.payload.subarray(0, -22) ?? OK,
        Buffer.from("caching_sha2_password\0"),
      ]),
    ),
  );
  const seen = readGreeting(readPacket(peers.client)?.payload ?? OK);
  expect(seen.plugin).toBe("mysql_native_password");
  expect(seen.capabilities & CLIENT_SSL).toBe(0);
  expect(latin1(seen.scramble)).toBe("abcdefghijklmnopqrst");
});

test("no bytes of either side throw, end a login twice, or show the token to the client", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(
      greeting,
      writePacket(1, loginOf("u", "d")),
      writePacket(3, switchTo("mysql_clear_password")),
      writePacket(5, OK),
    ),
  );
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.tuple(fc.boolean(), piece), { maxLength: 12 }),
      (greeted, steps) => {
        const peers = new StandInPeers();
        const login = new MysqlBrokeredLogin(peers, greeted);
        for (const [fromClient, part] of steps) {
          if (fromClient) login.fromClient(part);
          else login.fromServer(part);
          peers.give?.();
          peers.secured?.();
        }
        expect(latin1(peers.client)).not.toContain("the-token");
      },
    ),
    { numRuns: 2_000 },
  );
});
