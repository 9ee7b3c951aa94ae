import ipaddr from "ipaddr.js";
import type { Pod } from "./world.ts";

const PREFIX = "traffic.sidecar.istio.io/";

/**
 * The annotation that keeps the sidecar from seeing a connection of its pod; undefined where it sees it. The order is that of
 * the iptables rules (tools/istio-iptables/pkg/capture/run.go): everything that is excluded goes before what is included.
 */
export function pastSidecar({ annotations }: Pod, address: string, port: number): string | undefined {
  const listed = (name: string): string[] | undefined =>
    annotations[PREFIX + name]?.split(",").map((part) => part.trim());
  if (listed("excludeOutboundPorts")?.includes(String(port))) return `${PREFIX}excludeOutboundPorts`;
  if (listed("excludeOutboundIPRanges")?.some((range) => inRange(address, range))) {
    return `${PREFIX}excludeOutboundIPRanges`;
  }
  if (listed("includeOutboundPorts")?.some((one) => one === "*" || one === String(port))) return undefined;
  const included = listed("includeOutboundIPRanges");
  if (included === undefined || included.includes("*")) return undefined;
  return included.some((range) => inRange(address, range)) ? undefined : `${PREFIX}includeOutboundIPRanges`;
}

function inRange(address: string, range: string): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValidCIDR(range)) return false;
  const [ip, [base, bits]] = [ipaddr.parse(address), ipaddr.parseCIDR(range)];
  return ip.kind() === base.kind() && ip.match([base, bits]);
}
