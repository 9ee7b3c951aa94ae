/** Whether this is an IP address as Go's `netip.ParseAddr` reads it: no leading zeros, IPv6 zones allowed. */
export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text, true);
}

/** Whether this is a CIDR as Go's `netip.ParsePrefix` reads it: bits within the family's size, no IPv6 zone. */
export function isCidr(text: string): boolean {
  const slash = text.lastIndexOf("/");
  if (slash < 0) return false;
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits)) return false;
  const address = text.slice(0, slash);
  if (isIpv4(address)) return Number(bits) <= 32;
  return isIpv6(address, false) && Number(bits) <= 128;
}

/** What is wrong with an address that may be an IP or a CIDR, or undefined. */
export function ipOrCidrProblem(text: string): string | undefined {
  if (text.split("/").length === 2)
    return isCidr(text) ? undefined : `${JSON.stringify(text)} is not a valid CIDR block`;
  return isIpAddress(text) ? undefined : `${JSON.stringify(text)} is not a valid IP address`;
}

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

function isIpv6(text: string, zoneAllowed: boolean): boolean {
  const percent = text.indexOf("%");
  if (percent >= 0 && (!zoneAllowed || percent === text.length - 1)) return false;
  const address = percent >= 0 ? text.slice(0, percent) : text;
  const halves = address.split("::");
  if (halves.length > 2) return false;
  const [before = "", after] = halves;
  const groups = [before, after].flatMap((half) =>
    half === undefined || half === "" ? [] : half.split(":"),
  );
  let width = 0;
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1;
    if (isLast && group.includes(".") && isIpv4(group) && endsWithGroup(address, group)) width += 2;
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) width += 1;
    else return false;
  }
  return after === undefined ? width === 8 : width < 8;
}

function endsWithGroup(address: string, group: string): boolean {
  return address.endsWith(`:${group}`);
}
