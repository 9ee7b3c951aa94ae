import { expect, test } from "vitest";
import { readFacts } from "./handshake-facts.ts";

const written = (...parts: readonly string[]) =>
  Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part.length);
      return [length, Buffer.from(part, "latin1")];
    }),
  );

test("what a handshake found is read part by part, the certificates in their order", () => {
  expect(readFacts(written("resumed", "TLSv1.3", "db.shop", "leaf", "issuer"))).toEqual({
    resumed: true,
    version: "TLSv1.3",
    serverName: "db.shop",
    certificates: [Buffer.from("leaf"), Buffer.from("issuer")],
  });
});

test("no server name and no certificate are none", () => {
  expect(readFacts(written("", "TLSv1.2", ""))).toEqual({
    resumed: false,
    version: "TLSv1.2",
    serverName: undefined,
    certificates: [],
  });
});

test("a part that is cut off is an error, and not a shorter certificate", () => {
  const whole = written("", "TLSv1.3", "", "certificate");
  expect(() => readFacts(whole.subarray(0, whole.length - 1))).toThrow();
});
