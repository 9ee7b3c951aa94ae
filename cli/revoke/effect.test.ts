import { describe, expect, it } from "vitest";
import { checkNames, effectOf } from "./effect.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

describe("what a revocation is told to do", () => {
  it("holds until the proxy restarts, or until the instant given", () => {
    expect(effectOf({}, NOW)).toBe(", and refused from now on");
    expect(effectOf({ until: NOW + 60_000 }, NOW)).toBe(", and refused until 2026-11-21T12:01:00.000Z");
  });

  it("is taken back by an instant that has passed", () => {
    expect(effectOf({ until: NOW - 1 }, NOW)).toBe(", and let in again from now on");
  });

  it("is the end of one connection and nothing more, where one is named", () => {
    expect(effectOf({ connection: "7f3a-12" }, NOW)).toBe("");
  });
});

describe("whom a revocation names", () => {
  it("is a user with the provider, and a role by its ARN", () => {
    expect(() => checkNames({ user: "okta:ann@example.com" })).not.toThrow();
    expect(() => checkNames({ role: "arn:aws:iam::123456789012:role/ops/dba" })).not.toThrow();
  });

  it("is refused in a form that no identity has, which would shut out nobody", () => {
    expect(() => checkNames({ user: "ann@example.com" })).toThrow("such as okta:ann@example.com");
    expect(() => checkNames({ role: "dba" })).toThrow("write its ARN");
    expect(() => checkNames({ role: "arn:aws:sts::123456789012:assumed-role/dba/ann" })).toThrow("its ARN");
  });
});
