import type { Check } from "./check.ts";
import { checkOptionalDuration } from "./duration.ts";
import { parseUrl } from "./go-url.ts";
import { checkJwks } from "./jwks.ts";
import { at, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";
import { checkPolicyTargets } from "./selector.ts";

/** A RequestAuthentication by the rules of Istio's webhook. */
export const checkRequestAuthentication: Check = (spec, _meta, report) => {
  checkPolicyTargets(spec, report);
  for (const rule of items(at(spec, "jwtRules"))) checkJwtRule(rule, report);
};

/** `jwksUri` may be written with its proto name; the JSON name wins. */
function jwksUriOf(rule: Node): Node {
  const camel = at(rule, "jwksUri");
  return camel.value === undefined ? at(rule, "jwks_uri") : camel;
}

function checkJwtRule(rule: Node, report: Report): void {
  const jwksUri = jwksUriOf(rule);
  for (const audience of items(at(rule, "audiences"))) checkNonEmpty(audience, report);
  if (text(at(rule, "issuer")) === "" && text(jwksUri) === "")
    report.error(rule, "needs an issuer or a jwksUri");
  if (text(jwksUri) !== "") checkJwksUri(jwksUri, report);
  checkJwks(at(rule, "jwks"), report);
  for (const header of items(at(rule, "fromHeaders"))) checkNonEmpty(at(header, "name"), report);
  for (const param of items(at(rule, "fromParams"))) checkNonEmpty(param, report);
  for (const cookie of items(at(rule, "fromCookies"))) checkNonEmpty(cookie, report);
  for (const output of items(at(rule, "outputClaimToHeaders"))) {
    checkNonEmpty(at(output, "claim"), report);
    const header = at(output, "header");
    if (!/^[-_A-Za-z0-9]+$/.test(text(header)))
      report.error(header, `${JSON.stringify(text(header))} is not a valid header name`);
  }
  checkOptionalDuration(at(rule, "timeout"), report);
}

function checkNonEmpty(node: Node, report: Report): void {
  if (text(node) === "") report.error(node, "must not be empty");
}

function checkJwksUri(jwksUri: Node, report: Report): void {
  const url = parseUrl(text(jwksUri));
  if (url === undefined) report.error(jwksUri, `${JSON.stringify(text(jwksUri))} is not a URL`);
  else if (url.scheme !== "http" && url.scheme !== "https")
    report.error(jwksUri, "must begin with http:// or https://");
  else if (url.port !== "" && BigInt(url.port) >= 1n << 63n) report.error(jwksUri, "its port is too large");
}
