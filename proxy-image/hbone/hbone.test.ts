import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseProxyConfig } from "../../policy/compile/proxy/config-parse.ts";
import { parseAuthority } from "./authority.ts";
import { destinationOf } from "./destination.ts";

describe("an authority", () => {
  test.each([
    ["10.0.0.1:5432", { host: "10.0.0.1", port: 5432, kind: "address" }],
    ["[fd00::0:1]:1", { host: "fd00::1", port: 1, kind: "address" }],
    ["[::ffff:10.0.0.1]:65535", { host: "10.0.0.1", port: 65_535, kind: "address" }],
    ["Orders.Shop.svc.cluster.local.:80", { host: "orders.shop.svc.cluster.local", port: 80, kind: "name" }],
  ])("%s is read", (text, expected) => {
    expect(parseAuthority(text)).toEqual(expected);
  });

  test.each([
    undefined,
    "",
    "10.0.0.1",
    "10.0.0.1:",
    "10.0.0.1:0",
    "10.0.0.1:065",
    "10.0.0.1:+80",
    "10.0.0.1:65536",
    "10.0.0.1:80:80",
    "10.1:80",
    "010.0.0.1:80",
    "0x7f.1:80",
    "fd00::1:80",
    "[10.0.0.1]:80",
    "[fd00::1%eth0]:80",
    "user@10.0.0.1:80",
    "http://10.0.0.1:80",
    "10.0.0.1:80/path",
    "a..b:80",
    ".:80",
    "a b:80",
    "a\u0000:80",
    `${"a".repeat(300)}:80`,
  ])("%s is none", (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });

  test("of any text is none or writes back to the same meaning", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const read = parseAuthority(text);
        if (!read) return;
        const written = read.host.includes(":") ? `[${read.host}]:${read.port}` : `${read.host}:${read.port}`;
        expect(parseAuthority(written)).toEqual(read);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("a destination", () => {
  const config = parseProxyConfig(
    JSON.stringify({
      version: 1,
      policy: { digest: "d" },
      trust: { trustDomain: "test.org", bundles: [{ trustDomain: "test.org", file: "ca.pem" }] },
      certificate: { source: "files", cert: "c", key: "k" },
      listeners: [
        { name: "hbone", mode: "hbone", port: 15_008 },
        { name: "shared", mode: "connect", port: 8443 },
        { name: "orders-5432", mode: "mtls", port: 20_001, service: "orders", servicePort: 5432 },
        { name: "orders-5433", mode: "mtls", port: 20_002, service: "orders", servicePort: 5433 },
        { name: "local", mode: "plaintext-loopback", port: 20_003, service: "orders", servicePort: 5432 },
      ],
      services: [
        {
          name: "orders",
          ports: [{ port: 5432 }, { port: 5433 }],
          endpoints: [{ host: "db.example.com" }],
          mesh: { host: "DB.example.com." },
        },
        {
          name: "inside",
          ports: [{ port: 80 }],
          endpoints: [{ host: "inside.shop.svc" }],
          mesh: { host: "inside.shop.svc" },
        },
      ],
      rules: [],
    }),
    "proxy.json",
  );
  const at = (authority: string, local = "10.0.0.7") => {
    const parsed = parseAuthority(authority);
    if (!parsed) throw new Error(`${authority} is no authority`);
    return destinationOf(config, parsed, local);
  };

  test("is the service whose listener has the port, at the proxy's own address", () => {
    expect(at("10.0.0.7:20001")).toEqual({ to: "service", service: "orders", port: 5432 });
    expect(at("10.0.0.7:20002", "::ffff:10.0.0.7")).toEqual({ to: "service", service: "orders", port: 5433 });
  });

  test("at another address is none, whatever its port", () => {
    expect(at("10.0.0.8:20001")).toMatchObject({ to: "nowhere" });
    expect(at("127.0.0.1:20001")).toMatchObject({ to: "nowhere" });
  });

  test("is the service of a host and its own port, and none of a service that has no listener", () => {
    expect(at("db.example.com:5433")).toEqual({ to: "service", service: "orders", port: 5433 });
    expect(at("db.example.com:20001")).toMatchObject({ to: "nowhere" });
    expect(at("inside.shop.svc:80")).toMatchObject({ to: "nowhere" });
    expect(at("localhost:5432")).toMatchObject({ to: "nowhere" });
  });

  test("may be the shared port and metrics, and no other port of the proxy", () => {
    expect(at("10.0.0.7:8443")).toMatchObject({ to: "connect" });
    expect(at("10.0.0.7:15090")).toEqual({ to: "metrics" });
    expect(at("10.0.0.7:15008")).toMatchObject({ to: "nowhere" });
    expect(at("10.0.0.7:20003")).toMatchObject({ to: "nowhere" });
    expect(at("10.0.0.7:22")).toMatchObject({ to: "nowhere" });
  });
});
