import { ipOrCidrProblem, isIpAddress } from "./address.ts";
import type { Check } from "./check.ts";
import { checkDestination, checkWeights } from "./destination.ts";
import { checkExportTo } from "./export-to.ts";
import { checkGatewayNames } from "./gateway-names.ts";
import { isRoutingClaim } from "./headers.ts";
import { gatewayBoundDomainProblem, hostsOverlap, isSubsetOfHost, wildcardDomainProblem } from "./host.ts";
import { checkHttpRoute } from "./http-route.ts";
import { checkLabels } from "./labels.ts";
import { at, entries, isSet, items, type Node, num, text, texts } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { warnUnreachableHttp, warnUnreachableL4 } from "./unreachable.ts";

/** A VirtualService by the rules of Istio's webhook. */
export const checkVirtualService: Check = (spec, meta, report) => {
  const fromGatewayApi = text(at(meta.annotations, "internal.istio.io/route-semantics")) === "gateway";
  const hosts = items(at(spec, "hosts"));
  const gateways = at(spec, "gateways");
  const http = items(at(spec, "http"));
  const tls = items(at(spec, "tls"));
  const tcp = items(at(spec, "tcp"));
  const isDelegate = hosts.length === 0;
  if (isDelegate) checkDelegate(spec, report);
  checkGatewayNames(gateways, fromGatewayApi, report);
  const boundToGateway = items(gateways).length > 0 && !texts(gateways).includes("mesh");
  if (!boundToGateway) for (const route of http) checkNoClaims(route, report);
  checkHosts(hosts, boundToGateway, hasSniHosts(tls), report);
  if (http.length + tls.length + tcp.length === 0) report.error(spec, "needs http, tls or tcp routes");
  for (const route of http) checkHttpRoute(route, { isDelegate, fromGatewayApi }, report);
  // Without gateways the hosts of a TLS match are read as those of a gateway; Istio does so, too.
  const sniHosts = { hosts: texts(at(spec, "hosts")), ofGateway: !texts(gateways).includes("mesh") };
  for (const route of tls) checkTlsRoute(route, sniHosts, fromGatewayApi, report);
  for (const route of tcp) checkTcpRoute(route, fromGatewayApi, report.errorsOnly());
  checkExportTo(at(spec, "exportTo"), meta.namespace, "other", report);
  warnUnreachableHttp(http, report);
  warnUnreachableL4(tcp, report);
  warnUnreachableL4(tls, report);
};

function checkDelegate(spec: Node, report: Report): void {
  for (const field of ["gateways", "tls", "tcp"]) {
    if (items(at(spec, field)).length > 0)
      report.error(at(spec, field), "may not be set without hosts: a delegate has http routes only");
  }
}

function checkNoClaims(route: Node, report: Report): void {
  for (const match of items(at(route, "match"))) {
    for (const field of ["headers", "withoutHeaders"]) {
      for (const [name, value] of entries(at(match, field))) {
        if (isRoutingClaim(name)) report.error(value, "routing by JWT claims is supported on gateways only");
      }
    }
  }
}

function hasSniHosts(tls: readonly Node[]): boolean {
  return tls.some((route) =>
    items(at(route, "match")).some((match) => items(at(match, "sniHosts")).length > 0),
  );
}

function checkHosts(hosts: readonly Node[], boundToGateway: boolean, hasSni: boolean, report: Report): void {
  let good = true;
  for (const host of hosts) {
    const name = text(host);
    const problem = boundToGateway ? gatewayBoundDomainProblem(name, hasSni) : wildcardDomainProblem(name);
    if (problem !== undefined && isIpAddress(name)) continue;
    const refused =
      problem ??
      (name === "*" && !boundToGateway
        ? "the host * is not allowed for the mesh; bind a gateway"
        : undefined);
    if (refused === undefined) continue;
    report.error(host, refused);
    good = false;
  }
  if (!good) return;
  for (const [index, host] of hosts.entries()) {
    const clash = hosts.slice(index + 1).find((other) => hostsOverlap(text(host), text(other)));
    if (clash !== undefined)
      report.error(clash, `${JSON.stringify(text(clash))} overlaps with ${JSON.stringify(text(host))}`);
  }
}

interface SniHosts {
  readonly hosts: readonly string[];
  readonly ofGateway: boolean;
}

function checkTlsRoute(route: Node, sni: SniHosts, fromGatewayApi: boolean, report: Report): void {
  const matches = items(at(route, "match"));
  if (matches.length === 0) report.error(at(route, "match"), "at least one match is required");
  for (const match of matches) {
    const names = items(at(match, "sniHosts"));
    if (names.length === 0) report.error(at(match, "sniHosts"), "at least one host is required");
    for (const name of names) checkSniHost(name, sni, report);
    checkL4Match(match, report);
  }
  checkRouteDestinations(at(route, "route"), "TLS", fromGatewayApi, report.errorsOnly());
}

function checkSniHost(name: Node, sni: SniHosts, report: Report): void {
  const value = text(name);
  const problem = sni.ofGateway ? gatewayBoundDomainProblem(value, true) : wildcardDomainProblem(value);
  if (problem !== undefined) {
    if (isIpAddress(value))
      report.warn(name, "is an IP address, which SNI does not carry: most clients send none");
    else report.error(name, problem);
  } else if (!sni.hosts.some((host) => isSubsetOfHost(value, host))) {
    report.error(
      name,
      `${JSON.stringify(value)} is not among the hosts of the VirtualService (${sni.hosts.join(", ")})`,
    );
  }
}

function checkTcpRoute(route: Node, fromGatewayApi: boolean, report: Report): void {
  for (const match of items(at(route, "match"))) checkL4Match(match, report);
  checkRouteDestinations(at(route, "route"), "TCP", fromGatewayApi, report);
}

function checkL4Match(match: Node, report: Report): void {
  for (const subnet of items(at(match, "destinationSubnets")))
    report.check(subnet, ipOrCidrProblem(text(subnet)));
  const port = at(match, "port");
  if (num(port) !== 0) report.check(port, portProblem(num(port)));
  checkLabels(at(match, "sourceLabels"), report);
  checkGatewayNames(at(match, "gateways"), false, report);
}

function checkRouteDestinations(routes: Node, kind: string, fromGatewayApi: boolean, report: Report): void {
  if (items(routes).length === 0) report.error(routes, `a ${kind} route needs a destination`);
  checkWeights(routes, report);
  for (const route of items(routes)) {
    const destination = at(route, "destination");
    if (!isSet(destination)) report.error(destination, "is required");
    if (!fromGatewayApi) checkDestination(destination, report);
  }
}
