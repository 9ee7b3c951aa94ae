import { checkDuration, checkOptionalDuration, parseGoDuration } from "./duration.ts";
import { at, flag, isSet, type Node, num, text } from "./node.ts";
import type { Report } from "./report.ts";

const HTTP_COUNTS = [
  "http1MaxPendingRequests",
  "http2MaxRequests",
  "maxRequestsPerConnection",
  "maxRetries",
  "maxConcurrentStreams",
];

/** Checks a `connectionPool`: of a traffic policy, or of a Sidecar's inbound side. */
export function checkConnectionPool(pool: Node, report: Report): void {
  if (!isSet(pool)) return;
  const http = at(pool, "http");
  const tcp = at(pool, "tcp");
  if (!isSet(http) && !isSet(tcp)) {
    report.error(pool, "must set tcp or http");
    return;
  }
  if (isSet(http)) checkHttp(http, report);
  if (isSet(tcp)) checkTcp(tcp, report);
}

function checkHttp(http: Node, report: Report): void {
  for (const field of HTTP_COUNTS) {
    if (num(at(http, field)) < 0) report.error(at(http, field), "must not be negative");
  }
  checkOptionalDuration(at(http, "idleTimeout"), report);
  if (text(at(http, "h2UpgradePolicy")) === "UPGRADE" && flag(at(http, "useClientProtocol"))) {
    report.error(at(http, "useClientProtocol"), "may not be true with h2UpgradePolicy UPGRADE");
  }
  const keepAlive = at(http, "http2KeepAlive");
  if (isSet(keepAlive)) {
    for (const field of ["interval", "timeout"]) {
      if (isSet(at(keepAlive, field))) checkDuration(at(keepAlive, field), report);
      else report.error(at(keepAlive, field), "is required");
    }
  }
}

function checkTcp(tcp: Node, report: Report): void {
  if (num(at(tcp, "maxConnections")) < 0) report.error(at(tcp, "maxConnections"), "must not be negative");
  checkOptionalDuration(at(tcp, "connectTimeout"), report);
  checkOptionalDuration(at(tcp, "maxConnectionDuration"), report);
  checkIdleTimeout(at(tcp, "idleTimeout"), report);
  checkOptionalDuration(at(tcp, "tcpKeepalive", "time"), report);
  checkOptionalDuration(at(tcp, "tcpKeepalive", "interval"), report);
}

/** Less than a millisecond switches the timeout off, and is not looked at further. */
function checkIdleTimeout(idleTimeout: Node, report: Report): void {
  const duration = parseGoDuration(text(idleTimeout));
  if (duration === undefined || duration / 1_000_000n !== 0n) checkOptionalDuration(idleTimeout, report);
}
