import { describe, expect, it } from "vitest";
import { cidr } from "../schema/primitives.ts";
import { blockHolds, parseAddress, parseBlock } from "./address.ts";

const holds = (block: string, address: string) => {
  const parsed = { block: parseBlock(block), address: parseAddress(address) };
  return (
    parsed.block !== undefined && parsed.address !== undefined && blockHolds(parsed.block, parsed.address)
  );
};

describe("addresses", () => {
  it("are read in both families, and mapped IPv4 is IPv4, as sockets report it", () => {
    expect(parseAddress("10.0.0.1")).toBe(0x0a000001);
    expect(parseAddress("::ffff:10.0.0.1")).toBe(0x0a000001);
    expect(parseAddress("fd00::1")).toBe(0xfd000000000000000000000000000001n);
  });

  it.each([
    "",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.01",
    "1.2.3.4.5",
    "10.0.0.1 ",
    "::1.2.3.4",
    "fd00::1%eth0x:",
    "localhost",
  ])("do not include %j", (text) => expect(parseAddress(text)).toBeUndefined());
});

describe("blocks", () => {
  it("hold their first and last address and no other", () => {
    expect(
      ["10.1.255.255", "10.2.0.0", "10.2.255.255", "10.3.0.0"].map((ip) => holds("10.2.0.0/16", ip)),
    ).toEqual([false, true, true, false]);
    expect(
      ["fd00:0:0:1::", "fd00:0:0:1:ffff::", "fd00:0:0:2::"].map((ip) => holds("fd00:0:0:1::/64", ip)),
    ).toEqual([true, true, false]);
    expect(holds("0.0.0.0/0", "255.255.255.255")).toBe(true);
  });

  it("of one family never hold an address of the other", () => {
    expect(holds("::/0", "10.0.0.1")).toBe(false);
    expect(holds("0.0.0.0/0", "fd00::1")).toBe(false);
  });

  it("of IPv4 written as IPv6 are refused in a policy, because the proxy and Istio would read them differently", () => {
    for (const text of ["::ffff:10.0.0.0/104", "::10.0.0.0/104", "::ffff:a00:0/104"]) {
      expect(cidr.safeParse(text).success, text).toBe(false);
    }
    expect(cidr.safeParse("10.0.0.0/8").success).toBe(true);
  });
});
