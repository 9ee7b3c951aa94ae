import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PostgresLogin } from "./postgres-login.ts";
import { readOpening, writeStartup } from "./postgres-messages.ts";
import { latin1, StandInPeers } from "./stand-in-peers.ts";

const u32 = (value: number): string => latin1(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const startup = (parameters: Record<string, string>, version = 196_608): string => {
  const body = `${Object.entries(parameters)
    .map(([name, value]) => `${name}\0${value}\0`)
    .join("")}\0`;
  return u32(8 + body.length) + u32(version) + body;
};
const message = (type: string, body: string): string => type + u32(4 + body.length) + body;
const auth = (code: number, rest = ""): string => message("R", u32(code) + rest);
const OK = auth(0);
const AFTER = `${message("S", "server_version\x0015.3\0")}${message("K", u32(7) + u32(9))}${message("Z", "I")}`;

/** A login up to the server's first question. */
function begun(parameters: Record<string, string> = { user: "me", database: "orders" }) {
  const peers = new StandInPeers();
  const login = new PostgresLogin(peers);
  login.fromClient(bytes(startup(parameters)));
  peers.give?.();
  return { peers, login, said: peers.takeServer() };
}

describe("a login", () => {
  test("is the client's own start-up message as the granted user; the token answers, and all that follows is exact", () => {
    const { peers, login, said } = begun({
      user: "me",
      database: "orders",
      application_name: "psql",
      options: "-c x=1",
    });
    expect(peers.asked).toEqual(["me"]);
    expect(said).toBe(
      startup({ user: "orders_app", database: "orders", application_name: "psql", options: "-c x=1" }),
    );
    login.fromServer(bytes(auth(3)));
    expect(peers.takeServer()).toBe(message("p", "the-token\0"));
    expect(latin1(peers.client)).toBe("");
    login.fromServer(bytes(OK + AFTER));
    expect(peers.end).toEqual({ how: "done", fromClient: "", fromServer: OK + AFTER });
    expect(login.names).toEqual({
      user: "orders_app",
      database: "orders",
      askedUser: "me",
      application: "psql",
    });
  });

  test("gives the same result however the bytes are cut", () => {
    const client = `${u32(8)}${u32(80_877_103)}`;
    const opening = startup({ user: "me", database: "orders" });
    const server = auth(3) + message("N", "hello\0") + OK + AFTER;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), (a, b) => {
        const peers = new StandInPeers();
        const login = new PostgresLogin(peers);
        for (const part of cut(client, a)) login.fromClient(bytes(part));
        for (const part of cut(opening, a)) login.fromClient(bytes(part));
        peers.give?.();
        for (const part of cut(server, b)) if (!peers.end) login.fromServer(bytes(part));
        expect(peers.end?.how).toBe("done");
        expect(latin1(peers.server)).toBe(
          startup({ user: "orders_app", database: "orders" }) + message("p", "the-token\0"),
        );
        expect(latin1(peers.client)).toBe(`N${message("N", "hello\0")}`);
        const rest = peers.end?.how === "done" ? peers.end.fromServer : "";
        expect((OK + AFTER).startsWith(rest)).toBe(true);
      }),
    );
  });

  test("passes protocol 3.2, its extensions, replication and the server's word on the version", () => {
    const peers = new StandInPeers();
    const login = new PostgresLogin(peers);
    const asked = { user: "orders_app", database: "d", replication: "database", "_pq_.x": "1" };
    login.fromClient(bytes(startup(asked, 196_610)));
    peers.give?.();
    expect(peers.takeServer()).toBe(startup(asked, 196_610));
    const word = message("v", `${u32(196_608) + u32(1)}_pq_.x\0`);
    login.fromServer(bytes(word));
    expect(latin1(peers.client)).toBe(word);
    expect(login.names?.askedUser).toBeUndefined();
  });

  test("without a database means the one of the name that the client asked for", () => {
    expect(begun({ user: "me" }).said).toBe(startup({ user: "orders_app", database: "me" }));
  });

  test("of a server that asks for nothing needs no token", () => {
    const { peers, login } = begun();
    login.fromServer(bytes(OK));
    expect(peers.takeServer()).toBe("");
    expect(peers.end?.how).toBe("done");
  });

  test("holds what the client sends before it is asked, for the server", () => {
    const { peers, login } = begun();
    login.fromClient(bytes("Q\0\0\0\x05\0"));
    login.fromServer(bytes(OK));
    expect(peers.end).toMatchObject({ how: "done", fromClient: "Q\0\0\0\x05\0" });
  });

  test("that the server refuses ends with the server's own words", () => {
    const { peers, login } = begun();
    login.fromServer(bytes(auth(3)));
    const words = message("E", "SFATAL\0C28P01\0MPAM authentication failed\0\0");
    login.fromServer(bytes(words));
    expect(peers.end).toEqual({
      how: "refused",
      words,
      why: "the server refused the login of orders_app (28P01)",
    });
  });

  test.each([
    [5, "MD5"],
    [10, "SCRAM"],
    [7, "GSSAPI"],
    [2, "another"],
  ])(
    "is not made by authentication %i (%s): the token goes to nobody who did not ask for it",
    (code, name) => {
      const { peers, login } = begun();
      login.fromServer(bytes(auth(code, "rest")));
      expect(peers.takeServer()).toBe("");
      expect(peers.end).toMatchObject({ how: "failed", why: expect.stringContaining(`for ${name} auth`) });
    },
  );

  test("gives the token once: a second question for it is refused", () => {
    const { peers, login } = begun();
    login.fromServer(bytes(auth(3) + auth(3)));
    expect(peers.end).toMatchObject({ how: "failed", why: "the server asked for the password twice" });
  });
});

describe("before the login", () => {
  test("requests for encryption are answered no, one of each", () => {
    const peers = new StandInPeers();
    const login = new PostgresLogin(peers);
    login.fromClient(bytes(u32(8) + u32(80_877_104)));
    login.fromClient(bytes(u32(8) + u32(80_877_103)));
    expect(latin1(peers.client)).toBe("NN");
    login.fromClient(bytes(u32(8) + u32(80_877_103)));
    expect(peers.end).toMatchObject({ how: "failed" });
  });

  test("a cancel request passes as it is, with a key of any length", () => {
    for (const key of ["1234", "x".repeat(256)]) {
      const peers = new StandInPeers();
      const text = u32(12 + key.length) + u32(80_877_102) + u32(99) + key;
      new PostgresLogin(peers).fromClient(bytes(text));
      expect(peers.end).toEqual({ how: "done", fromClient: text, fromServer: "" });
      expect(peers.cancelled).toEqual([text]);
      expect(peers.asked).toEqual([]);
    }
  });

  test.each([
    ["a password that nobody asked for", startup({ user: "me" }) + message("p", "secret\0"), /a password/],
    ["data behind an encryption request", `${u32(8)}${u32(80_877_103)}x`, /behind an encryption/],
    ["TLS inside of TLS", "\x16\x03\x01\x00\x05hello", /TLS inside/],
    ["an oversize start-up", u32(10_001) + u32(196_608), /length that none has/],
    ["protocol 2", `${u32(12) + u32(131_072)}abcd`, /version 3/],
    ["a name that does not end", `${u32(12) + u32(196_608)}user`, /cut off/],
    ["bytes behind the end", `${u32(14) + u32(196_608)}a\0b\0\0x`, /behind the end/],
    ["something else", "GET / HTTP/1.1\r\n", /no start-up|length/],
  ])("%s is refused in words, and the server hears nothing of it", (_, text, why) => {
    const peers = new StandInPeers();
    new PostgresLogin(peers).fromClient(bytes(text));
    expect(peers.end).toMatchObject({ how: "failed", why: expect.stringMatching(why) });
    expect(latin1(peers.server)).toBe("");
  });

  test("more than a login can be is refused while the token is made", () => {
    const peers = new StandInPeers();
    const login = new PostgresLogin(peers);
    login.fromClient(bytes(startup({ user: "me" })));
    login.fromClient(new Uint8Array(70_000));
    expect(peers.end?.how).toBe("failed");
    peers.give?.();
    expect(latin1(peers.server)).toBe("");
  });
});

test("no bytes of either side throw, end a login twice, or show the token to the client", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom(startup({ user: "u" }), auth(3), OK, message("N", "x\0"), `${u32(8)}${u32(80_877_103)}`)
      .map(bytes),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), piece), { maxLength: 12 }), (steps) => {
      const peers = new StandInPeers();
      const login = new PostgresLogin(peers);
      for (const [fromClient, part] of steps) {
        if (fromClient) login.fromClient(part);
        else login.fromServer(part);
        peers.give?.();
      }
      expect(latin1(peers.client)).not.toContain("the-token");
      if (peers.end && "words" in peers.end) expect(peers.end.words).not.toContain("the-token");
    }),
    { numRuns: 2_000 },
  );
});

test("a start-up message read and written as its own user is the same message", () => {
  const text = fc.string({ minLength: 1, maxLength: 12 }).filter((one) => !one.includes("\0"));
  fc.assert(
    fc.property(text, fc.dictionary(text, text), (user, more) => {
      const all = bytes(startup({ user: latin1(Buffer.from(user)), database: "d", ...ascii(more) }));
      const read = readOpening(all);
      if (read?.kind !== "startup") throw new Error("no start-up message");
      expect(latin1(writeStartup(read.startup, user))).toBe(latin1(all));
    }),
  );
});

/** With an x in front of each name: JavaScript puts keys that are numbers first. */
function ascii(all: Record<string, string>): Record<string, string> {
  const latin = (text: string): string => latin1(Buffer.from(text));
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`x${latin(name)}`, latin(value)]));
}

function cut(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );
}
