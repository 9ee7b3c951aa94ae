import { describe, expect, test } from "vitest";
import { writeGreeting, writePacket } from "../protocol/mysql-packets.ts";
import { type LoginPeers, MysqlLogin } from "./mysql-login.ts";

/** What became of a login. */
class Ends implements LoginPeers {
  failure: string | undefined;
  secured: (() => void) | undefined;

  toClient(): void {}
  toServer(): void {}
  secure(_: Uint8Array, then: () => void): void {
    this.secured = then;
  }
  done(): void {}
  failed(why: string): void {
    this.failure = why;
  }
}

describe("memory of a login whose client pours", () => {
  const flood = new Uint8Array(70_000).fill(1);

  test("is bounded while the server has not greeted", () => {
    const ends = new Ends();
    new MysqlLogin(ends, { greeted: false, serverTls: true }).fromClient(flood);
    expect(ends.failure).toBe("more than a login can be");
  });

  test("is bounded while TLS to the server begins", () => {
    const ends = new Ends();
    const login = new MysqlLogin(ends, { greeted: false, serverTls: true });
    login.fromServer(writePacket(0, writeGreeting("8.4.0", 1, new Uint8Array(20).fill(7))));
    const capabilities = Buffer.alloc(32);
    capabilities.writeUInt32LE(0x0000_8200);
    login.fromClient(writePacket(1, Buffer.concat([capabilities, Buffer.from("me\0\0")])));
    expect(ends.secured).toBeDefined();
    login.fromClient(flood);
    expect(ends.failure).toBe("more than a login can be");
    // What comes afterwards is of no effect.
    login.fromClient(flood);
    login.fromServer(flood);
  });
});
