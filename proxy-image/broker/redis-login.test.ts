import { describe, expect, test } from "vitest";
import { RedisLogin } from "./redis-login.ts";
import { latin1, StandInPeers } from "./stand-in-peers.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

function begun() {
  const peers = new StandInPeers("reports");
  const login = new RedisLogin(peers);
  return { peers, login };
}

describe("a login to Redis", () => {
  test("is AUTH with user and token before the client's first byte, and its answer is taken out", () => {
    const { peers, login } = begun();
    login.fromClient(bytes("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"));
    expect(latin1(peers.server)).toBe("");
    peers.give?.();
    expect(latin1(peers.server)).toBe("*3\r\n$4\r\nAUTH\r\n$7\r\nreports\r\n$9\r\nthe-token\r\n");
    for (const sign of "+OK\r\n") login.fromServer(bytes(sign));
    expect(peers.end).toEqual({
      how: "done",
      fromClient: "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
      fromServer: "",
    });
    expect(latin1(peers.client)).toBe("");
    expect(login.names.user).toBe("reports");
  });

  test("that is refused ends with the server's own words", () => {
    const { peers, login } = begun();
    peers.give?.();
    login.fromServer(bytes("-WRONGPASS invalid username-password pair\r\n"));
    expect(peers.end).toEqual({
      how: "refused",
      words: "-WRONGPASS invalid username-password pair\r\n",
      why: "the server refused the login of reports (WRONGPASS)",
    });
  });

  test.each(["+OK", "+OKAY\r\n", "$2\r\nOK\r\n", "HTTP/1.1 400\r\n", "x".repeat(5_000)])(
    "is not over by an answer that is none: %j",
    (answer) => {
      const { peers, login } = begun();
      peers.give?.();
      login.fromServer(bytes(answer));
      expect(peers.end?.how).not.toBe("done");
      expect(peers.end?.how).toBe(answer === "+OK" ? undefined : "failed");
    },
  );

  test("reads no more of a client that begins with much, and hands all of it on", () => {
    const { peers, login } = begun();
    login.fromClient(new Uint8Array(65_536).fill(0x61));
    expect(peers.paused).toBe(false);
    login.fromClient(bytes("b"));
    expect(peers.paused).toBe(true);
    peers.give?.();
    login.fromServer(bytes("+OK\r\n"));
    expect(peers.end).toEqual({ how: "done", fromClient: `${"a".repeat(65_536)}b`, fromServer: "" });
  });
});
