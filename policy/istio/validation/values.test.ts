// The small grammars, by examples that a reader can check. test/validation asks the real parsers about thousands more.
import { describe, expect, test } from "vitest";
import { isCidr, isIpAddress } from "./address.ts";
import { cidrProblem, isNonCanonicalCidr, isStrictlyWithin } from "./cidr.ts";
import { parseGoDuration } from "./duration.ts";
import { parseRequestUri, parseUrl } from "./go-url.ts";
import { headerValueProblem, isRoutingClaim } from "./headers.ts";
import { fqdnProblem, hostsOverlap, isSubsetOfHost, wildcardDomainProblem } from "./host.ts";
import { checkLocalities } from "./locality.ts";

test.each([
  ["1.2.3.4", true],
  ["01.2.3.4", false],
  ["1.2.3", false],
  ["::1", true],
  ["fe80::1%eth0", true],
  ["1:2:3:4:5:6:7::", true],
  ["1:2:3:4:5:6:7:8::", false],
  ["::ffff:1.2.3.4", true],
  ["1::2::3", false],
])("IP address %s: %s", (text, expected) => {
  expect(isIpAddress(text)).toBe(expected);
});

test.each([
  ["10.0.0.0/8", true],
  ["10.0.0.0/33", false],
  ["10.0.0.0/08", false],
  ["fe80::%eth0/64", false],
  ["10.0.0.1", false],
])("CIDR %s: %s", (text, expected) => {
  expect(isCidr(text)).toBe(expected);
});

test("a NetworkPolicy's CIDR has no host bits, and its exceptions are smaller", () => {
  expect(cidrProblem("10.0.0.0/8")).toBeUndefined();
  expect(cidrProblem("10.0.0.1/8")).toBe("has bits set beyond the prefix length; write 10.0.0.0/8");
  expect(cidrProblem("2001:db8::1/64")).toContain("write 2001:db8::/64");
  expect(isNonCanonicalCidr("FE80::/16")).toBe(true);
  expect(isStrictlyWithin("10.1.0.0/16", "10.0.0.0/8")).toBe(true);
  expect(isStrictlyWithin("10.0.0.0/8", "10.0.0.0/8")).toBe(false);
  expect(isStrictlyWithin("::/64", "0.0.0.0/0")).toBe(false);
});

test.each([
  ["1h30m", 5_400_000_000_000n],
  ["1.5s", 1_500_000_000n],
  [".5ms", 500_000n],
  ["-2s", -2_000_000_000n],
  ["0", 0n],
  ["1", undefined],
  ["1d", undefined],
  ["1 s", undefined],
  ["9999999999h", undefined],
])("duration %s: %s", (text, expected) => {
  expect(parseGoDuration(text)).toBe(expected);
});

describe("hosts", () => {
  test.each(["a.b", "db", "a.b.", "*.b", "*", "*-a.b", "A.b"])("%s is a wildcard domain", (host) => {
    expect(wildcardDomainProblem(host)).toBeUndefined();
  });

  test.each(["", "a_b.c", "-a.b", "a..b", "a.*.b", "a.99", `${"a".repeat(64)}.b`])("%s is none", (host) => {
    expect(wildcardDomainProblem(host)).toBeDefined();
  });

  test("a fully qualified name has no wildcard", () => {
    expect(fqdnProblem("*.b")).toBeDefined();
  });

  test("wildcards overlap with what they cover, in either order", () => {
    expect(hostsOverlap("*.com", "a.com")).toBe(true);
    expect(hostsOverlap("a.com", "*.com")).toBe(true);
    expect(hostsOverlap("*.a.com", "a.com")).toBe(false);
    expect(isSubsetOfHost("*.com", "a.com")).toBe(false);
  });
});

test("URLs are read as Go reads them", () => {
  expect(parseRequestUri("https://a.b:8443/x")).toEqual({ scheme: "https", port: "8443" });
  expect(parseRequestUri("a.b/c")).toBeUndefined();
  expect(parseUrl("a.b/c")).toEqual({ scheme: "", port: "" });
  expect(parseUrl("http://a:b/")).toBeUndefined();
  expect(parseUrl("http://[::1/")).toBeUndefined();
});

test("a header's value may hold Envoy's commands", () => {
  expect(headerValueProblem("at %START_TIME(%Y)% 100%%")).toBeUndefined();
  expect(headerValueProblem('%REQ(["a", "b"])% 100%%')).toBeUndefined();
  expect(headerValueProblem("100%")).toBeDefined();
  expect(headerValueProblem("%REQ([b])%")).toBeDefined();
  expect(isRoutingClaim("@request.auth.claims.group")).toBe(true);
});

test("localities may not overlap", () => {
  expect(checkLocalities(["us/a", "us/b", "eu/*"])).toBeUndefined();
  expect(checkLocalities(["us", "us/a"])).toContain("overlaps");
  expect(checkLocalities(["us//1"])).toContain("empty");
});
