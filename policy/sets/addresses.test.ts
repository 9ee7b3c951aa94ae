import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addressSet,
  formatAddressRange,
  NO_ADDRESSES,
  parseAddress,
  parseCidr,
  subtractAddresses,
  toCidrs,
  unionAddresses,
} from "./addresses.ts";

const cidr = (text: string) => parseCidr(text) ?? expect.unreachable(`${text} is a CIDR block`);

test.each([
  ["10.0.0.0/8", "10.0.0.0-10.255.255.255"],
  ["10.1.2.3/8", "10.0.0.0-10.255.255.255"],
  ["0.0.0.0/0", "0.0.0.0-255.255.255.255"],
  ["255.255.255.255/32", "255.255.255.255-255.255.255.255"],
  ["192.168.1.128/25", "192.168.1.128-192.168.1.255"],
])("%s is %s", (text, range) => {
  expect(cidr(text).ipv4.map(formatAddressRange)).toEqual([range]);
  expect(cidr(text).ipv6).toEqual([]);
});

test.each([
  ["2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fd00::1/128", "fd00::1-fd00::1"],
])("%s is %s", (text, range) => {
  expect(cidr(text).ipv6.map(formatAddressRange)).toEqual([range]);
  expect(cidr(text).ipv4).toEqual([]);
});

test.each([
  "10.0.0.0",
  "10.0.0/8",
  "010.0.0.0/8",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "10.0.0.256/8",
  "0xa.0.0.0/8",
  "/8",
])("%s is not a CIDR block", (text) => expect(parseCidr(text)).toBeUndefined());

test.each(["fd00::/129", "fd00::1%eth0/64", "fd00:::/64", "2001:db8::/"])(
  "%s is not a CIDR block either",
  (text) => expect(parseCidr(text)).toBeUndefined(),
);

test("an address is the block that holds it alone", () => {
  expect(parseAddress("10.1.2.3")).toEqual(parseCidr("10.1.2.3/32"));
  expect(parseAddress("fd00::1")).toEqual(parseCidr("fd00::1/128"));
  expect(parseAddress("10.1")).toBeUndefined();
  expect(parseAddress("10.1.2.3/32")).toBeUndefined();
});

test("a block without its exceptions", () => {
  const rest = subtractAddresses(
    cidr("10.0.0.0/8"),
    unionAddresses(cidr("10.0.0.0/9"), cidr("10.200.0.0/16")),
  );
  expect(rest.ipv4.map(formatAddressRange)).toEqual([
    "10.128.0.0-10.199.255.255",
    "10.201.0.0-10.255.255.255",
  ]);
  expect(subtractAddresses(rest, cidr("::/0"))).toEqual(rest);
});

test("sets turn into the fewest CIDR blocks, and back", () => {
  expect(toCidrs(addressSet([{ low: 1, high: 6 }], []))).toEqual([
    "0.0.0.1/32",
    "0.0.0.2/31",
    "0.0.0.4/31",
    "0.0.0.6/32",
  ]);
  expect(toCidrs(unionAddresses(cidr("::/0"), cidr("0.0.0.0/0")))).toEqual(["0.0.0.0/0", "::/0"]);
  const address = fc.nat(2 ** 32 - 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(address, address), { maxLength: 5 }), (pairs) => {
      const ranges = pairs.map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));
      const ipv6 = ranges.map(({ low, high }) => ({ low: BigInt(low) << 90n, high: BigInt(high) << 90n }));
      const set = addressSet(ranges, ipv6);
      expect(toCidrs(set).map(cidr).reduce(unionAddresses, NO_ADDRESSES)).toEqual(set);
    }),
  );
});
