import { isIpAddress } from "./address.ts";
import type { Check } from "./check.ts";
import { fqdnProblem } from "./host.ts";
import { checkLabels } from "./labels.ts";
import { at, entries, type Node, num, text } from "./node.ts";
import { portNameProblem, portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { UNIX_PREFIX, unixPathProblem } from "./unix-address.ts";

/** A WorkloadEntry by the rules of Istio's webhook. Its ports cannot be compared with those of a ServiceEntry. */
export const checkWorkloadEntry: Check = (spec, _meta, report) => {
  checkWorkload(spec, { servicePorts: undefined, mayBeName: true }, report);
};

interface WorkloadRules {
  /** Port names of the ServiceEntry that the endpoint belongs to; undefined when there is none. */
  readonly servicePorts: ReadonlySet<string> | undefined;
  /** Whether the address may be a DNS name. */
  readonly mayBeName: boolean;
}

/** Checks one endpoint: a WorkloadEntry, or an endpoint of a ServiceEntry. */
export function checkWorkload(workload: Node, rules: WorkloadRules, report: Report): void {
  const address = at(workload, "address");
  const ports = entries(at(workload, "ports"));
  if (text(address) === "") {
    if (text(at(workload, "network")) === "") {
      report.error(address, "an address is required, or a network");
      return;
    }
    report.warn(address, "is not set: traffic goes through the gateway of the network");
  }
  const isUnix = text(address).startsWith(UNIX_PREFIX);
  if (isUnix) {
    report.check(address, unixPathProblem(text(address).slice(UNIX_PREFIX.length)));
    if (ports.length > 0) report.error(at(workload, "ports"), "a Unix domain socket has no ports");
  } else if (text(address) !== "" && !isIpAddress(text(address))) {
    if (!rules.mayBeName) report.error(address, `${JSON.stringify(text(address))} is not an IP address`);
    else if (fqdnProblem(text(address)) !== undefined) {
      report.error(
        address,
        `${JSON.stringify(text(address))} is neither an IP address nor a fully qualified name`,
      );
    }
  }
  for (const [name, port] of ports) {
    if (rules.servicePorts !== undefined && !rules.servicePorts.has(name)) {
      report.error(port, `the ServiceEntry has no port named ${JSON.stringify(name)}`);
    }
    report.check(port, portNameProblem(name));
    report.check(port, portProblem(num(port)));
  }
  checkLabels(at(workload, "labels"), report);
  if (isUnix && rules.servicePorts !== undefined && rules.servicePorts.size !== 1) {
    report.error(address, "a Unix domain socket needs a ServiceEntry with exactly one port");
  }
}
