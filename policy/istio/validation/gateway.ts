import { isIpAddress } from "./address.ts";
import type { Check } from "./check.ts";
import { namespacedHostProblem } from "./host.ts";
import { isDnsLabel } from "./labels.ts";
import { at, flag, isSet, items, type Node, num, text } from "./node.ts";
import { isHttp, isSupportedProtocol, isTls, portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkServerTls, isPassthrough } from "./server-tls.ts";
import { UNIX_PREFIX, unixPathProblem } from "./unix-address.ts";

/** A Gateway (networking.istio.io) by the rules of Istio's webhook. */
export const checkGateway: Check = (spec, meta, report) => {
  const fromGatewayApi = text(at(meta.annotations, "internal.istio.io/gateway-semantics")) === "gateway";
  if (!isDnsLabel(meta.name) && !fromGatewayApi) {
    report.error(
      { value: meta.name, path: ["metadata", "name"] },
      `${JSON.stringify(meta.name)} is not a DNS label`,
    );
  }
  const servers = items(at(spec, "servers"));
  if (servers.length === 0) report.error(at(spec, "servers"), "at least one server is required");
  const names = new Set<string>();
  for (const server of servers) {
    checkServer(server, fromGatewayApi, report);
    const port = at(server, "port");
    if (!isSet(port)) continue;
    const name = at(port, "name");
    if (names.has(text(name))) report.error(name, `port name ${JSON.stringify(text(name))} is used twice`);
    names.add(text(name));
    if (!isHttp(text(at(port, "protocol"))) && flag(at(server, "tls", "httpsRedirect"))) {
      report.warn(at(server, "tls", "httpsRedirect"), "has an effect on HTTP servers only");
    }
  }
};

function checkServer(server: Node, fromGatewayApi: boolean, report: Report): void {
  const hosts = items(at(server, "hosts"));
  if (hosts.length === 0) report.error(at(server, "hosts"), "at least one host is required");
  for (const host of hosts) report.check(host, namespacedHostProblem(text(host), "gateway", fromGatewayApi));
  checkPort(server, report);
  checkBind(server, report);
  const tls = at(server, "tls");
  checkServerTls(tls, report);
  const protocol = text(at(server, "port", "protocol"));
  if (!isSupportedProtocol(protocol)) return;
  if (isTls(protocol) && !isSet(tls)) report.error(tls, `is required for protocol ${protocol}`);
  if (isTls(protocol) || !isSet(tls)) return;
  const holdsCertificates = ["caCertificates", "privateKey", "serverCertificate"].some(
    (field) => text(at(tls, field)) !== "",
  );
  if (!isHttp(protocol)) report.error(tls, `may not be set for protocol ${protocol}; use TLS or HTTPS`);
  else if (!isPassthrough(tls) || holdsCertificates)
    report.error(tls, "a plain HTTP port may set httpsRedirect only");
}

function checkPort(server: Node, report: Report): void {
  const port = at(server, "port");
  if (!isSet(port)) {
    report.error(port, "is required");
    return;
  }
  const protocol = at(port, "protocol");
  if (!isSupportedProtocol(text(protocol))) {
    report.error(
      protocol,
      `protocol ${JSON.stringify(text(protocol))} is not supported; use HTTP, HTTPS, HTTP2, GRPC, TLS, TCP, MONGO, REDIS or MYSQL`,
    );
  }
  const number = at(port, "number");
  if (num(number) > 0 || !text(at(server, "bind")).startsWith(UNIX_PREFIX))
    report.check(number, portProblem(num(number)));
  if (num(at(port, "targetPort")) > 0)
    report.error(at(port, "targetPort"), "has no effect on a Gateway; remove it");
  if (text(at(port, "name")) === "") report.error(at(port, "name"), "must be set");
}

function checkBind(server: Node, report: Report): void {
  const bind = at(server, "bind");
  if (text(bind).startsWith(UNIX_PREFIX)) {
    report.check(bind, unixPathProblem(text(bind).slice(UNIX_PREFIX.length)));
    if (num(at(server, "port", "number")) !== 0)
      report.error(at(server, "port", "number"), "must be 0 for a Unix domain socket");
  } else if (text(bind) !== "" && !isIpAddress(text(bind))) {
    report.error(bind, `${JSON.stringify(text(bind))} is not an IP address`);
  }
}
