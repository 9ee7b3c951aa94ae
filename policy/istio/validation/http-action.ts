import { byteLength } from "./bytes.ts";
import { checkDuration, checkOptionalDuration, parseGoDuration } from "./duration.ts";
import { corsHeaderProblem } from "./headers.ts";
import { at, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import { longRegexpProblem, regexpProblem } from "./regexp.ts";
import type { Report } from "./report.ts";
import { checkStringMatchRegexp } from "./string-match.ts";

const CORS_METHODS = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "*",
]);

export function checkCors(cors: Node, report: Report): void {
  if (!isSet(cors)) return;
  for (const origin of items(at(cors, "allowOrigins"))) {
    if (["exact", "prefix", "regex"].every((kind) => text(at(origin, kind)) === ""))
      report.error(origin, "must not be empty");
    else checkStringMatchRegexp(origin, report);
  }
  for (const method of items(at(cors, "allowMethods"))) {
    if (!CORS_METHODS.has(text(method)))
      report.error(method, `${JSON.stringify(text(method))} is not a method of HTTP`);
  }
  for (const field of ["allowHeaders", "exposeHeaders"]) {
    for (const header of items(at(cors, field))) report.check(header, corsHeaderProblem(text(header)));
  }
  const maxAge = at(cors, "maxAge");
  if (!isSet(maxAge)) return;
  checkDuration(maxAge, report);
  if ((parseGoDuration(text(maxAge)) ?? 0n) % 1_000_000_000n > 0n)
    report.error(maxAge, "must be whole seconds");
}

const GRPC_STATUSES = new Set([
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]);

export function checkFault(fault: Node, report: Report): void {
  if (!isSet(fault)) return;
  const abort = at(fault, "abort");
  const delay = at(fault, "delay");
  if (!isSet(abort) && !isSet(delay)) report.error(fault, "needs an abort or a delay");
  checkPercentage(at(abort, "percentage", "value"), report);
  checkPercentage(at(delay, "percentage", "value"), report);
  if (isSet(at(abort, "httpStatus"))) checkStatus(at(abort, "httpStatus"), report);
  const grpc = at(abort, "grpcStatus");
  if (isSet(grpc) && !GRPC_STATUSES.has(text(grpc)))
    report.error(grpc, `${JSON.stringify(text(grpc))} is not a gRPC status like NOT_FOUND`);
  if (isSet(at(abort, "http2Error"))) report.error(at(abort, "http2Error"), "is not supported yet");
  checkOptionalDuration(at(delay, "fixedDelay"), report);
  if (isSet(at(delay, "exponentialDelay")))
    report.error(at(delay, "exponentialDelay"), "is not supported yet");
}

function checkPercentage(value: Node, report: Report): void {
  const percent = num(value);
  if (percent < 0 || percent > 100 || (percent > 0 && percent < 0.0001))
    report.error(value, "must be 0, or between 0.0001 and 100");
}

function checkStatus(status: Node, report: Report): void {
  if (num(status) < 200 || num(status) > 600)
    report.error(status, `${num(status)} is not an HTTP status between 200 and 599`);
}

export function checkRedirect(redirect: Node, matches: readonly Node[], report: Report): void {
  if (!isSet(redirect)) return;
  const has = (field: string): boolean => text(at(redirect, field)) !== "";
  if (has("uri") && has("prefixRewrite")) report.error(redirect, "may set only one of uri and prefixRewrite");
  if (has("prefixRewrite")) {
    const bad = matches.find((match) => isSet(at(match, "uri")) && !isSet(at(match, "uri", "prefix")));
    if (bad !== undefined)
      report.error(at(bad, "uri"), "must be a prefix, because the redirect has a prefixRewrite");
  }
  const hasPort = isSet(at(redirect, "port")) || isSet(at(redirect, "derivePort"));
  if (!["uri", "prefixRewrite", "authority", "scheme"].some(has) && !hasPort)
    report.error(redirect, "needs uri, authority, scheme or port");
  const code = at(redirect, "redirectCode");
  if (num(code) !== 0 && (num(code) < 300 || num(code) > 399))
    report.error(code, "must be between 300 and 399");
  if (!["", "http", "https"].includes(text(at(redirect, "scheme"))))
    report.error(at(redirect, "scheme"), "must be http or https");
  const port = at(redirect, "port");
  if (num(port) > 0) report.check(port, portProblem(num(port)));
}

const KILOBYTE = 1024;
const MEGABYTE = 1024 * KILOBYTE;

export function checkDirectResponse(response: Node, report: Report): void {
  if (!isSet(response)) return;
  const body = at(response, "body");
  const size = isSet(at(body, "bytes"))
    ? decodedLength(text(at(body, "bytes")))
    : byteLength(text(at(body, "string")));
  if (size > MEGABYTE) report.error(body, "may be 1 MiB at most");
  else if (size > 100 * KILOBYTE) report.warn(body, "is large: it may slow the control plane down");
  checkStatus(at(response, "status"), report);
}

function decodedLength(base64: string): number {
  return Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
}

const RETRY_POLICIES = new Set([
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes",
  "retriable-headers",
  "envoy-ratelimited",
  "http3-post-connect-failure",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
]);

export function checkRetries(retries: Node, report: Report): void {
  if (!isSet(retries)) return;
  const attempts = at(retries, "attempts");
  const retryOn = at(retries, "retryOn");
  if (num(attempts) < 0) report.error(attempts, "must not be negative");
  if (
    num(attempts) === 0 &&
    (isSet(at(retries, "perTryTimeout")) ||
      text(retryOn) !== "" ||
      isSet(at(retries, "retryRemoteLocalities")))
  ) {
    report.error(attempts, "is 0, which switches retries off; remove the other settings");
  }
  checkOptionalDuration(at(retries, "perTryTimeout"), report);
  if (text(retryOn) !== "") {
    const bad = text(retryOn)
      .split(",")
      .find((policy) => !RETRY_POLICIES.has(policy) && !isStatusCode(policy));
    if (bad !== undefined)
      report.error(retryOn, `${JSON.stringify(bad)} is neither a retry policy nor an HTTP status`);
  }
  checkOptionalDuration(at(retries, "backoff"), report);
}

/** Whether this is a status code that HTTP has a name for. */
function isStatusCode(value: string): boolean {
  if (!/^[-+]?\d+$/.test(value)) return false;
  const code = Number(value);
  const ranges: readonly (readonly [number, number])[] = [
    [100, 103],
    [200, 208],
    [226, 226],
    [300, 305],
    [307, 308],
    [400, 418],
    [421, 426],
    [428, 429],
    [431, 431],
    [451, 451],
    [500, 508],
    [510, 511],
  ];
  return ranges.some(([low, high]) => code >= low && code <= high);
}

export function checkRewrite(rewrite: Node, report: Report): void {
  if (!isSet(rewrite)) return;
  const regex = at(rewrite, "uriRegexRewrite");
  const hasUri = text(at(rewrite, "uri")) !== "";
  if (hasUri && isSet(regex)) report.error(rewrite, "may set only one of uri and uriRegexRewrite");
  if (!hasUri && !isSet(regex) && text(at(rewrite, "authority")) === "")
    report.error(rewrite, "needs uri, uriRegexRewrite or authority");
  if (!isSet(regex)) return;
  const match = at(regex, "match");
  if (text(match) === "" || text(at(regex, "rewrite")) === "") report.error(regex, "needs match and rewrite");
  else report.check(match, longRegexpProblem(text(match)) ?? regexpProblem(text(match)));
}
