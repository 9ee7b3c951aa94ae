import ipaddr from "ipaddr.js";
import { AF_INET, AF_INET6 } from "./constants.ts";
import { Memory } from "./libc.ts";

/** `sockaddr_in6`, the longest that is used. */
export const LONGEST_ADDRESS = 28;

/** An IP address and port as the kernel takes them: `sockaddr_in` or `sockaddr_in6`. */
export interface SocketAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly memory: Memory;
  readonly length: number;
}

/** @returns undefined for what is not an IP address without a scope */
export function socketAddress(address: string, port: number): SocketAddress | undefined {
  if (address.includes("%") || !ipaddr.isValid(address)) return undefined;
  const octets = ipaddr.parse(address).toByteArray();
  const isIpv4 = octets.length === 4;
  const family = isIpv4 ? AF_INET : AF_INET6;
  const length = isIpv4 ? 16 : LONGEST_ADDRESS;
  const memory = new Memory(length);
  // The family in the machine's own order, the rest in the network's.
  new DataView(memory.bytes.buffer).setUint16(0, family, true);
  new DataView(memory.bytes.buffer).setUint16(2, port);
  memory.bytes.set(octets, isIpv4 ? 4 : 8);
  return { family, memory, length };
}

/** The IP address in a `sockaddr`, in its shortest form; an IPv4 address that came by an IPv6 socket as IPv4. */
export function addressIn(sockaddr: Uint8Array): string {
  if (sockaddr[0] === AF_INET) return `${sockaddr[4]}.${sockaddr[5]}.${sockaddr[6]}.${sockaddr[7]}`;
  return ipaddr.process(ipaddr.fromByteArray([...sockaddr.subarray(8, 24)]).toString()).toString();
}

export function portIn(sockaddr: Uint8Array): number {
  return ((sockaddr[2] ?? 0) << 8) | (sockaddr[3] ?? 0);
}
