import ipaddr from "ipaddr.js";
import { isCidr } from "./address.ts";

/** What is wrong with a CIDR of a NetworkPolicy, or undefined. Since Kubernetes 1.36 the host bits must be 0. */
export function cidrProblem(value: string): string | undefined {
  if (!isCidr(value)) return `${JSON.stringify(value)} is not a CIDR like 10.9.8.0/24 or 2001:db8::/64`;
  const [address, bits] = ipaddr.parseCIDR(value);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())
    return "must not be an IPv4-mapped IPv6 address";
  const network = networkOf(address, bits);
  if (network.toString() !== address.toString()) {
    return `has bits set beyond the prefix length; write ${network.toString()}/${bits}`;
  }
  return undefined;
}

/** Whether an IPv6 CIDR is written in another way than RFC 5952 asks for. */
export function isNonCanonicalCidr(value: string): boolean {
  const [address, bits] = ipaddr.parseCIDR(value);
  const canonical = address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
  return `${canonical}/${bits}` !== value;
}

/** Whether `inner` is a smaller part of `outer`; undefined when one of them is no CIDR. */
export function isStrictlyWithin(inner: string, outer: string): boolean | undefined {
  if (!isCidr(inner) || !isCidr(outer)) return undefined;
  const [innerAddress, innerBits] = ipaddr.parseCIDR(inner);
  const [outerAddress, outerBits] = ipaddr.parseCIDR(outer);
  if (innerAddress.kind() !== outerAddress.kind() || innerBits <= outerBits) return false;
  return networkOf(innerAddress, outerBits).toString() === networkOf(outerAddress, outerBits).toString();
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function networkOf(address: Address, bits: number): Address {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(Math.max(bits - index * 8, 0), 8);
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return ipaddr.fromByteArray(bytes);
}
