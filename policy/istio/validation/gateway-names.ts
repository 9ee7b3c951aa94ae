import { fqdnProblem } from "./host.ts";
import { isDnsLabel } from "./labels.ts";
import { items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Checks names of gateways: `namespace/name`, `mesh`, or the old `name.namespace.svc…` with a warning. */
export function checkGatewayNames(gateways: Node, fromGatewayApi: boolean, report: Report): void {
  for (const gateway of items(gateways)) {
    const value = text(gateway);
    const slash = value.indexOf("/");
    if (slash < 0) {
      const [name = "", namespace] = value.split(".");
      if (namespace !== undefined) report.warn(gateway, `is in the old form; write ${namespace}/${name}`);
      report.check(gateway, fqdnProblem(value));
      // Istio looks at none after the first one without a slash; a verdict that agrees with it cannot either.
      return;
    }
    const namespace = value.slice(0, slash);
    const name = value.slice(slash + 1);
    if (!isDnsLabel(namespace))
      report.error(gateway, `namespace ${JSON.stringify(namespace)} is not a DNS label`);
    if (name === "" || (!isDnsLabel(name) && !fromGatewayApi))
      report.error(gateway, `gateway name ${JSON.stringify(name)} is not a DNS label`);
  }
}
