import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { GENESIS, hashOf, readSeal, seal } from "./chain-line.ts";

describe("a line of a chain", () => {
  test("is hashed as its documentation says, so that it can be checked with any SHA-256", () => {
    const { line, hash } = seal('{"user":"zoë"', "c1", 7, GENESIS);
    const text = line.slice(0, -1);
    expect(text).toBe(`{"user":"zoë","chain":"c1","seq":7,"prev":"${GENESIS}","hash":"${hash}"}`);
    const before = Buffer.from(text.slice(0, text.lastIndexOf(',"hash":')));
    expect(createHash("sha256").update(before).digest("base64url")).toBe(hash);
    expect(hashOf(Buffer.from(text))).toBe(hash);
    expect(readSeal(Buffer.from(text))).toEqual({ chain: "c1", seq: 7, prev: GENESIS, hash });
  });

  test("cannot be imitated by what a client says, because JSON escapes its quotes", () => {
    const hostile = `x","chain":"c1","seq":7,"prev":"${GENESIS}","hash":"${GENESIS}"}`;
    expect(readSeal(Buffer.from(JSON.stringify({ user: hostile })))).toBeUndefined();
    const { line } = seal(JSON.stringify({ user: hostile }).slice(0, -1), "c2", 0, GENESIS);
    expect(readSeal(Buffer.from(line.slice(0, -1)))?.chain).toBe("c2");
  });
});
