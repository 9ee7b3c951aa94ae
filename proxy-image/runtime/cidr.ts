import ipaddr from "ipaddr.js";

/** True when the address lies in one of the ranges; an IPv4-mapped IPv6 address counts as IPv4. */
export function matchesCidrs(address: string, cidrs: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return cidrs.some((cidr) => {
    const [range, bits] = ipaddr.parseCIDR(
      cidr.includes("/") ? cidr : `${cidr}/${cidr.includes(":") ? 128 : 32}`,
    );
    return range.kind() === parsed.kind() && parsed.match(range, bits);
  });
}
