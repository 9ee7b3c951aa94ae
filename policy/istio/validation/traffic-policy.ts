import { isIpAddress } from "./address.ts";
import { checkClientTls } from "./client-tls.ts";
import { checkConnectionPool } from "./connection-pool.ts";
import { checkDecodableDuration, checkOptionalDuration } from "./duration.ts";
import { fqdnProblem } from "./host.ts";
import { checkLoadBalancer } from "./load-balancer.ts";
import { at, flag, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";

const PORT_FIELDS = ["outlierDetection", "connectionPool", "loadBalancer", "tls"];
const FIELDS = [...PORT_FIELDS, "tunnel", "proxyProtocol", "retryBudget"];

/** Checks the `trafficPolicy` of a DestinationRule or of one of its subsets. */
export function checkTrafficPolicy(policy: Node, namespace: string, report: Report): void {
  if (!isSet(policy)) return;
  const ports = items(at(policy, "portLevelSettings"));
  if (ports.length === 0 && !FIELDS.some((field) => isSet(at(policy, field)))) {
    report.error(policy, "must set at least one field");
    return;
  }
  if (isSet(at(policy, "tunnel")) && isSet(at(policy, "proxyProtocol"))) {
    report.error(policy, "tunnel and proxyProtocol may not be set together");
    return;
  }
  checkCommon(policy, namespace, report);
  // Istio loses the warnings of port level settings.
  for (const port of ports) checkPortPolicy(port, namespace, report.errorsOnly());
  checkTunnel(at(policy, "tunnel"), report);
  checkDecodableDuration(at(policy, "retryBudget", "budgetInterval"), report);
}

function checkPortPolicy(policy: Node, namespace: string, report: Report): void {
  if (!isSet(at(policy, "port"))) report.error(at(policy, "port"), "is required");
  if (!PORT_FIELDS.some((field) => isSet(at(policy, field))))
    report.error(policy, "must set at least one field");
  checkCommon(policy, namespace, report);
}

function checkCommon(policy: Node, namespace: string, report: Report): void {
  const outlier = at(policy, "outlierDetection");
  checkOutlierDetection(outlier, report);
  checkConnectionPool(at(policy, "connectionPool"), report);
  checkLoadBalancer(at(policy, "loadBalancer"), isSet(outlier), report);
  checkClientTls(at(policy, "tls"), namespace, report);
}

function checkOutlierDetection(outlier: Node, report: Report): void {
  if (!isSet(outlier)) return;
  checkOptionalDuration(at(outlier, "baseEjectionTime"), report);
  checkOptionalDuration(at(outlier, "interval"), report);
  const deprecated = at(outlier, "consecutiveErrors");
  if (num(deprecated) !== 0)
    report.warn(deprecated, "is deprecated; use consecutiveGatewayErrors or consecutive5xxErrors");
  const local = at(outlier, "consecutiveLocalOriginFailures");
  if (num(local) > 0 && !flag(at(outlier, "splitExternalLocalOriginErrors"))) {
    report.error(local, "needs splitExternalLocalOriginErrors: true");
  }
  for (const field of ["maxEjectionPercent", "minHealthPercent"]) {
    const percent = at(outlier, field);
    if (num(percent) < 0 || num(percent) > 100) report.error(percent, "must be between 0 and 100");
  }
}

function checkTunnel(tunnel: Node, report: Report): void {
  if (!isSet(tunnel)) return;
  const protocol = at(tunnel, "protocol");
  if (!["", "CONNECT", "POST"].includes(text(protocol))) report.error(protocol, "must be CONNECT or POST");
  const host = at(tunnel, "targetHost");
  if (fqdnProblem(text(host)) !== undefined && !isIpAddress(text(host))) {
    report.error(host, `${JSON.stringify(text(host))} is neither an IP address nor a fully qualified name`);
  }
  report.check(at(tunnel, "targetPort"), portProblem(num(at(tunnel, "targetPort"))));
}
