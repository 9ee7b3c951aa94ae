import { ipOrCidrProblem, isIpAddress } from "./address.ts";
import type { Check } from "./check.ts";
import { checkExportTo } from "./export-to.ts";
import { fqdnProblem, partialWildcardProblem, wildcardDomainProblem } from "./host.ts";
import { checkLabels } from "./labels.ts";
import { at, entries, isSet, items, type Node, num, text, texts } from "./node.ts";
import { isHttp, isTcp, isTls, portNameProblem, portProblem, protocolProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkSelectorLabels } from "./selector.ts";
import { checkWorkload } from "./workload-entry.ts";

/** A ServiceEntry by the rules of Istio's webhook. */
export const checkServiceEntry: Check = (spec, meta, report) => {
  const selector = at(spec, "workloadSelector");
  checkSelectorLabels(selector, at(selector, "labels"), report);
  if (isSet(selector) && items(at(spec, "endpoints")).length > 0) {
    report.error(selector, "only one of workloadSelector and endpoints may be set");
  }
  checkHosts(spec, report);
  for (const address of items(at(spec, "addresses"))) report.check(address, ipOrCidrProblem(text(address)));
  checkPorts(spec, meta.labels, report);
  checkResolution(spec, meta.labels, report);
  checkHostsPerPort(spec, report);
  checkExportTo(at(spec, "exportTo"), meta.namespace, "service-entry", report);
};

function resolutionOf(spec: Node): string {
  return text(at(spec, "resolution")) || "NONE";
}

function checkHosts(spec: Node, report: Report): void {
  const hosts = items(at(spec, "hosts"));
  if (hosts.length === 0) report.error(at(spec, "hosts"), "at least one host is required");
  for (const host of hosts) {
    if (text(host) === "*") {
      report.error(host, "a host may not be the wildcard * alone");
      continue;
    }
    report.check(host, wildcardDomainProblem(text(host)));
    if (resolutionOf(spec) === "DYNAMIC_DNS") continue;
    const partial = partialWildcardProblem(text(host));
    if (partial !== undefined) report.warn(host, partial);
  }
}

/** Istio gives a ServiceEntry without addresses one of its own, unless there is nothing to resolve or it is told not to. */
function isAddressAllocated(spec: Node, labels: Node): boolean {
  const optOut = text(at(labels, "networking.istio.io/enable-autoallocate-ip")).toLowerCase() === "false";
  return resolutionOf(spec) !== "NONE" && !optOut && items(at(spec, "addresses")).length === 0;
}

function checkPorts(spec: Node, labels: Node, report: Report): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const needsAddress = items(at(spec, "addresses")).length === 0 && !isAddressAllocated(spec, labels);
  for (const port of items(at(spec, "ports"))) {
    const name = at(port, "name");
    const number = at(port, "number");
    const protocol = at(port, "protocol");
    const targetPort = at(port, "targetPort");
    if (names.has(text(name))) report.error(name, `port name ${JSON.stringify(text(name))} is used twice`);
    if (numbers.has(num(number))) report.error(number, `port ${num(number)} is used twice`);
    names.add(text(name));
    numbers.add(num(number));
    if (num(targetPort) !== 0) report.check(targetPort, portProblem(num(targetPort)));
    if (needsAddress && (text(protocol) === "" || text(protocol) === "TCP")) {
      report.warn(
        port,
        "a TCP port needs `addresses`, because Istio allocates none for this ServiceEntry: it listens on every address",
      );
    }
    report.check(name, portNameProblem(text(name)));
    report.check(protocol, protocolProblem(text(protocol)));
    report.check(number, portProblem(num(number)));
  }
}

function checkResolution(spec: Node, labels: Node, report: Report): void {
  const endpoints = items(at(spec, "endpoints"));
  const resolution = resolutionOf(spec);
  const hasCidr = texts(at(spec, "addresses")).some((address) => address.includes("/"));
  if (hasCidr && resolution !== "NONE" && resolution !== "STATIC") {
    report.error(at(spec, "addresses"), "CIDR addresses are allowed for resolution NONE and STATIC only");
  }
  switch (resolution) {
    case "NONE":
      if (endpoints.length > 0) report.error(at(spec, "endpoints"), "resolution NONE may not have endpoints");
      if (isSet(at(spec, "workloadSelector"))) {
        report.warn(at(spec, "workloadSelector"), "has no effect with resolution NONE");
      }
      return;
    case "STATIC":
      for (const endpoint of endpoints)
        checkWorkload(endpoint, { servicePorts: portNames(spec), mayBeName: false }, report);
      return;
    case "DNS":
    case "DNS_ROUND_ROBIN":
      checkDns(spec, resolution, endpoints, report);
      return;
    case "DYNAMIC_DNS":
      checkDynamicDns(spec, labels, report);
      return;
    default:
      report.error(at(spec, "resolution"), `resolution ${resolution} is not supported`);
  }
}

function portNames(spec: Node): ReadonlySet<string> {
  return new Set(items(at(spec, "ports")).map((port) => text(at(port, "name"))));
}

function checkDns(spec: Node, resolution: string, endpoints: readonly Node[], report: Report): void {
  const hosts = items(at(spec, "hosts"));
  if (endpoints.length === 0) {
    const bad = hosts.find((host) => fqdnProblem(text(host)) !== undefined);
    if (bad !== undefined)
      report.error(
        bad,
        `with resolution ${resolution} and no endpoints, a host must be a fully qualified name`,
      );
  }
  if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1) {
    report.error(at(spec, "endpoints"), "resolution DNS_ROUND_ROBIN may have one endpoint at most");
  }
  const names = portNames(spec);
  for (const endpoint of endpoints) {
    const address = at(endpoint, "address");
    if (!isIpAddress(text(address)) && fqdnProblem(text(address)) !== undefined) {
      report.error(
        address,
        `${JSON.stringify(text(address))} is neither an IP address nor a fully qualified name`,
      );
    }
    checkLabels(at(endpoint, "labels"), report);
    for (const [name, port] of entries(at(endpoint, "ports"))) {
      if (!names.has(name)) report.error(port, `the ServiceEntry has no port named ${JSON.stringify(name)}`);
      report.check(port, portNameProblem(name));
      report.check(port, portProblem(num(port)));
    }
  }
  const hasTcp = items(at(spec, "ports")).some((port) => isTcp(text(at(port, "protocol"))));
  if (items(at(spec, "addresses")).length > 0 && hasTcp && hosts.length > 1) {
    report.warn(
      at(spec, "hosts"),
      "several hosts share one address and a TCP port: they cannot be told apart",
    );
  }
}

function checkDynamicDns(spec: Node, labels: Node, report: Report): void {
  for (const host of items(at(spec, "hosts"))) {
    if (!text(host).startsWith("*")) report.error(host, "resolution DYNAMIC_DNS needs a wildcard host");
  }
  for (const field of ["addresses", "endpoints"]) {
    if (items(at(spec, field)).length > 0)
      report.error(at(spec, field), "may not be set with resolution DYNAMIC_DNS");
  }
  for (const port of items(at(spec, "ports"))) {
    const protocol = at(port, "protocol");
    if (!["http", "tls", "grpc", "http2"].includes(text(protocol).toLowerCase())) {
      report.error(protocol, "resolution DYNAMIC_DNS supports HTTP, TLS, GRPC and HTTP2 only");
    }
  }
  const waypoint = text(at(labels, "istio.io/use-waypoint"));
  const isInternal = text(at(spec, "location")) === "MESH_INTERNAL";
  if (isInternal && waypoint !== "" && waypoint.toLowerCase() !== "none") {
    report.error(
      at(spec, "location"),
      "MESH_INTERNAL with resolution DYNAMIC_DNS is not supported with a waypoint",
    );
  }
}

/** HTTP tells hosts apart by the authority and TLS by SNI; plain TCP cannot, unless nothing is resolved. */
function checkHostsPerPort(spec: Node, report: Report): void {
  if (resolutionOf(spec) === "NONE" || items(at(spec, "hosts")).length <= 1) return;
  const bad = items(at(spec, "ports")).find((port) => {
    const protocol = text(at(port, "protocol"));
    return !isHttp(protocol) && !isTls(protocol);
  });
  if (bad !== undefined)
    report.error(
      bad,
      "several hosts cannot share a port that is neither HTTP nor TLS; make one ServiceEntry for each host",
    );
}
