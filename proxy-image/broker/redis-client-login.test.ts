import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RedisClientLogin } from "./redis-client-login.ts";
import { latin1 } from "./stand-in-peers.ts";

const command = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word, "latin1")}\r\n${word}\r\n`).join("")}`;

/** All that came of it, when the bytes arrive in these pieces. */
function taken(pieces: readonly string[]) {
  const login = new RedisClientLogin();
  const result = { toServer: "", toClient: "", over: false, askedUser: undefined as string | undefined };
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "latin1");
    // As the proxy does: once it is over, nobody is asked.
    if (result.over) {
      result.toServer += piece;
      continue;
    }
    const one = login.take(bytes);
    if (one.error) throw new Error(one.error);
    result.toServer += latin1(one.toServer);
    result.toClient += latin1(one.toClient);
    result.over = one.over;
    result.askedUser = one.askedUser;
  }
  return result;
}

const PING = command("PING");

describe("a client's own login", () => {
  test.each([
    ["a password", command("AUTH", "hunter2"), undefined],
    ["user and password", command("auth", "web", "hunter2"), "web"],
    ["the default user", command("AUTH", "default", "hunter2"), undefined],
    ["a password of any bytes", command("AUTH", "web", "\r\n*1\r\n\xff"), "web"],
    ["a line", "AUTH hunter2\r\n", undefined],
    ["a line of a telnet", "auth web hunter2\n", "web"],
  ])("by AUTH with %s is answered, and goes nowhere", (_, auth, askedUser) => {
    expect(taken([auth + PING])).toEqual({ toServer: PING, toClient: "+OK\r\n", over: true, askedUser });
    expect(taken([auth + auth + PING]).toClient).toBe("+OK\r\n+OK\r\n");
    expect(taken([auth])).toEqual({ toServer: "", toClient: "+OK\r\n", over: false, askedUser });
  });

  test("by HELLO loses its user and password, and keeps the rest", () => {
    const hello = command("HELLO", "3", "AUTH", "web", "hunter2", "SETNAME", "app");
    expect(taken([hello + PING])).toEqual({
      toServer: command("HELLO", "3", "SETNAME", "app") + PING,
      toClient: "",
      over: true,
      askedUser: "web",
    });
    const named = command("HELLO", "3", "SETNAME", "AUTH", "AUTH", "web", "hunter2");
    expect(taken([named]).toServer).toBe(command("HELLO", "3", "SETNAME", "AUTH"));
    expect(taken([`HELLO 3 AUTH web hunter2\r\n${PING}`]).toServer).toBe(command("HELLO", "3") + PING);
  });

  test("by AUTH and then HELLO is both", () => {
    const both = command("AUTH", "hunter2") + command("HELLO", "3", "AUTH", "web", "x") + PING;
    expect(taken([both])).toMatchObject({ toServer: command("HELLO", "3") + PING, toClient: "+OK\r\n" });
  });
});

describe("everything else passes as it is", () => {
  test.each([
    PING,
    "PING\r\n",
    command("HELLO", "3"),
    command("HELLO", "3", "SETNAME", "AUTH"),
    command("HELLO", "3", "AUTH", "web"),
    "hello\r\n",
    command("AUTH"),
    command("AUTH", "a", "b", "c"),
    command("SET", "AUTH", "x".repeat(100_000)),
    "*1\r\n$4\r\nAUTX",
    "*99999999\r\n",
    "*2\r\n:1\r\n",
    "\x16\x03\x01",
  ])("%j", (text) => {
    expect(taken([text])).toEqual({ toServer: text, toClient: "", over: true, askedUser: undefined });
  });

  test("and so does AUTH once another command was sent: the server decides", () => {
    const later = PING + command("AUTH", "web", "x");
    expect(taken([later]).toServer).toBe(later);
    expect(taken([PING, command("AUTH", "web", "x")]).toServer).toBe(later);
  });
});

test("the result is the same however the bytes are cut", () => {
  const word = fc.string({
    unit: fc.constantFrom("a", "A", "\r", "\n", "*", "$", "3", " ", "\xfe"),
    maxLength: 6,
  });
  const auth = fc.array(word, { minLength: 1, maxLength: 2 }).map((words) => command("AUTH", ...words));
  const hello = fc.tuple(word, word).map(([user, password]) => command("hello", "2", "AUTH", user, password));
  const other = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => command("SET", ...words));
  const text = fc
    .array(fc.oneof(auth, hello, other), { minLength: 1, maxLength: 5 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (all, cuts) => {
      const at = [...new Set([0, all.length, ...cuts.map((cut) => cut % all.length)])].sort((a, b) => a - b);
      const pieces = at.slice(1).map((end, index) => all.slice(at[index], end));
      expect(taken(pieces)).toEqual(taken([all]));
    }),
    { numRuns: 500 },
  );
});

test("no bytes throw; held is a bounded number of them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (pieces) => {
      const login = new RedisClientLogin();
      for (const piece of pieces) if (login.take(piece).over) return;
    }),
  );
  const login = new RedisClientLogin();
  expect(login.take(Buffer.from("*2\r\n$4\r\nAUTH\r\n$999999\r\n")).over).toBe(false);
  expect(login.take(new Uint8Array(70_000))).toMatchObject({
    over: true,
    error: "the client's own login is longer than one can be",
  });
});
