import { isIpAddress } from "./address.ts";
import type { Check } from "./check.ts";
import { checkConnectionPool } from "./connection-pool.ts";
import { checkDestination } from "./destination.ts";
import { fqdnProblem, namespacedHostProblem } from "./host.ts";
import { at, flag, isSet, items, type Node, num, text } from "./node.ts";
import { isHttp, isTls, portNameProblem, portProblem, protocolProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkSelectorLabels } from "./selector.ts";
import { checkServerTls } from "./server-tls.ts";
import { checkEgressHosts } from "./sidecar-hosts.ts";
import { UNIX_PREFIX, unixPathProblem } from "./unix-address.ts";

/** A Sidecar by the rules of Istio's webhook. */
export const checkSidecar: Check = (spec, meta, report) => {
  const selector = at(spec, "workloadSelector");
  checkSelectorLabels(selector, at(selector, "labels"), report);
  const ingress = items(at(spec, "ingress"));
  const egress = items(at(spec, "egress"));
  if (
    ingress.length + egress.length === 0 &&
    !isSet(at(spec, "outboundTrafficPolicy")) &&
    !isSet(at(spec, "inboundConnectionPool"))
  ) {
    report.error(spec, "is empty; set egress, ingress, outboundTrafficPolicy or inboundConnectionPool");
    return;
  }
  checkIngress(ingress, report);
  checkConnectionPool(at(spec, "inboundConnectionPool"), report);
  checkEgress(egress, meta.namespace, report);
  checkOutboundPolicy(at(spec, "outboundTrafficPolicy"), report);
};

function checkIngress(listeners: readonly Node[], report: Report): void {
  const used = new Set<number>();
  for (const listener of listeners) {
    const port = at(listener, "port");
    if (!isSet(port)) {
      report.error(port, "is required");
      continue;
    }
    checkListenerPort(port, report);
    report.check(at(port, "number"), portProblem(num(at(port, "number"))));
    checkBind(at(listener, "bind"), report);
    if (used.has(num(at(port, "number"))))
      report.error(at(port, "number"), `port ${num(at(port, "number"))} is used twice`);
    used.add(num(at(port, "number")));
    checkDefaultEndpoint(at(listener, "defaultEndpoint"), report);
    if (isSet(at(listener, "tls"))) checkIngressTls(at(listener, "tls"), text(at(port, "protocol")), report);
    const pool = at(listener, "connectionPool");
    checkConnectionPool(pool, report);
    if (isSet(at(pool, "http")) && !isHttp(text(at(port, "protocol")))) {
      report.warn(at(pool, "http"), `has no effect: protocol ${text(at(port, "protocol"))} is not HTTP`);
    }
  }
}

function checkListenerPort(port: Node, report: Report): void {
  if (num(at(port, "targetPort")) > 0)
    report.error(at(port, "targetPort"), "has no effect on a Sidecar; remove it");
  if (text(at(port, "name")) !== "") report.check(at(port, "name"), portNameProblem(text(at(port, "name"))));
  report.check(at(port, "protocol"), protocolProblem(text(at(port, "protocol"))));
}

function checkBind(bind: Node, report: Report): void {
  if (text(bind) !== "" && !isIpAddress(text(bind)))
    report.error(bind, `${JSON.stringify(text(bind))} is not an IP address`);
}

const LOCAL = new Set(["", "127.0.0.1", "0.0.0.0", "::1", "::"]);

function checkDefaultEndpoint(endpoint: Node, report: Report): void {
  const value = text(endpoint);
  if (value === "") return;
  if (value.startsWith(UNIX_PREFIX)) {
    report.check(endpoint, unixPathProblem(value.slice(UNIX_PREFIX.length)));
    return;
  }
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(value);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] ?? "";
  const isPort = /^[-+]?\d+$/.test(port) && portProblem(Number(port)) === undefined;
  if (match === null || !LOCAL.has(host) || !isPort) {
    report.error(
      endpoint,
      `${JSON.stringify(value)} must be 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix://PATH`,
    );
  }
}

function checkIngressTls(tls: Node, protocol: string, report: Report): void {
  for (const field of ["subjectAltNames", "credentialNames", "tlsCertificates"]) {
    if (items(at(tls, field)).length > 0) report.error(at(tls, field), "is not supported on a Sidecar");
  }
  if (flag(at(tls, "httpsRedirect"))) report.error(at(tls, "httpsRedirect"), "is not supported on a Sidecar");
  if (text(at(tls, "credentialName")) !== "")
    report.error(at(tls, "credentialName"), "is not supported on a Sidecar");
  const mode = text(at(tls, "mode"));
  if (mode === "ISTIO_MUTUAL" || mode === "AUTO_PASSTHROUGH")
    report.error(at(tls, "mode"), `${mode} is not supported on a Sidecar`);
  if (!isTls(protocol))
    report.error(tls, `may not be set for protocol ${protocol || "(unset)"}; use TLS or HTTPS`);
  checkServerTls(tls, report);
}

function checkEgress(listeners: readonly Node[], namespace: string, report: Report): void {
  const ports = new Set<number>();
  const sockets = new Set<string>();
  for (const [index, listener] of listeners.entries()) {
    const port = at(listener, "port");
    if (isSet(port)) checkEgressPort(listener, port, ports, sockets, report);
    else if (index !== listeners.length - 1)
      report.error(listener, "a listener without a port must be the last one");
    const hosts = at(listener, "hosts");
    if (items(hosts).length === 0) report.error(hosts, "at least one host is required");
    for (const host of items(hosts)) report.check(host, namespacedHostProblem(text(host), "sidecar", false));
    checkEgressHosts(hosts, namespace, report);
  }
}

function checkEgressPort(
  listener: Node,
  port: Node,
  ports: Set<number>,
  sockets: Set<string>,
  report: Report,
): void {
  checkListenerPort(port, report);
  const bind = at(listener, "bind");
  const number = at(port, "number");
  if (num(number) !== 0) {
    report.check(number, portProblem(num(number)));
    checkBind(bind, report);
    if (ports.has(num(number))) report.error(number, `port ${num(number)} is used twice`);
    ports.add(num(number));
    return;
  }
  if (!text(bind).startsWith(UNIX_PREFIX))
    report.error(number, "may be 0 for a Unix domain socket in bind only");
  else report.check(bind, unixPathProblem(text(bind).slice(UNIX_PREFIX.length)));
  const mode = text(at(listener, "captureMode"));
  if (mode === "IPTABLES")
    report.error(at(listener, "captureMode"), "must be DEFAULT or NONE for a Unix domain socket");
  if (sockets.has(text(bind))) report.error(bind, `${JSON.stringify(text(bind))} is used twice`);
  sockets.add(text(bind));
}

function checkOutboundPolicy(policy: Node, report: Report): void {
  if (!isSet(policy)) return;
  const mode = text(at(policy, "mode")) || "REGISTRY_ONLY";
  if (mode === "ALLOW_ANY_DYNAMIC_DNS") {
    report.error(at(policy, "mode"), "is supported for the whole mesh only, not in a Sidecar");
    return;
  }
  const proxy = at(policy, "egressProxy");
  if (!isSet(proxy)) return;
  if (mode !== "ALLOW_ANY") {
    report.error(proxy, "may be set with mode ALLOW_ANY only");
    return;
  }
  report.check(at(proxy, "host"), fqdnProblem(text(at(proxy, "host"))));
  if (isSet(at(proxy, "port"))) checkDestination(proxy, report);
  else report.error(at(proxy, "port"), "is required");
}
