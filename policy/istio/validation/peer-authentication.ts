import type { Check } from "./check.ts";
import { at, entries } from "./node.ts";
import { checkWorkloadSelector } from "./selector.ts";

/** A PeerAuthentication by the rules of Istio's webhook. */
export const checkPeerAuthentication: Check = (spec, _meta, report) => {
  const ports = entries(at(spec, "portLevelMtls"));
  if (ports.length > 0 && entries(at(spec, "selector", "matchLabels")).length === 0) {
    report.error(
      at(spec, "portLevelMtls"),
      "needs a selector: a mesh or namespace policy cannot have port level mTLS",
    );
  }
  for (const [port, mode] of ports) {
    // The key is decoded as a JSON number: no sign, no leading zero.
    const isPort = /^[1-9]\d*$/.test(port) && Number(port) <= 65535;
    if (!isPort) report.error(mode, `${JSON.stringify(port)} is not a port in the range 1 to 65535`);
  }
  checkWorkloadSelector(at(spec, "selector"), report);
};
