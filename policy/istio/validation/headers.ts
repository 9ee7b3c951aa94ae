import { at, entries, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/;
const PSEUDO_HEADERS = new Set([":method", ":scheme", ":authority", ":path", ":status"]);
const CLAIM_PREFIX = "@request.auth.claims";

/** Whether a header match stands for a JWT claim: `@request.auth.claims.group`, `@request.auth.claims[group]`. */
export function isRoutingClaim(name: string): boolean {
  if (!name.toLowerCase().startsWith(CLAIM_PREFIX)) return false;
  const rest = name.slice(CLAIM_PREFIX.length);
  return /^\../s.test(rest) || /^\[.+\]$/s.test(rest);
}

/** What is wrong with the name of a header that is matched, or undefined. */
export function headerMatchProblem(name: string): string | undefined {
  return isRoutingClaim(name) || PSEUDO_HEADERS.has(name) ? undefined : headerNameProblem(name);
}

/** What is wrong with the name of a header in a CORS policy, or undefined. */
export function corsHeaderProblem(name: string): string | undefined {
  return name === "*" ? undefined : headerNameProblem(name);
}

function headerNameProblem(name: string): string | undefined {
  return TOKEN.test(name) ? undefined : `${JSON.stringify(name)} is not a valid header name`;
}

/** Whether setting this header sets the authority. */
export function isAuthorityHeader(name: string): boolean {
  return name.toLowerCase() === ":authority" || name.toLowerCase() === "host";
}

/** Checks `headers` of a route or destination: what is added, set and removed of request and response. */
export function checkHeaderOperations(headers: Node, report: Report): void {
  for (const side of ["request", "response"]) {
    for (const operation of ["add", "set"]) {
      for (const [name, value] of entries(at(headers, side, operation))) {
        report.check(value, operationProblem(name, side === "request"));
        report.check(value, headerValueProblem(text(value)));
      }
    }
    for (const name of items(at(headers, side, "remove")))
      report.check(name, operationProblem(text(name), false));
  }
}

function operationProblem(name: string, mayBeAuthority: boolean): string | undefined {
  if (name === "") return "a header's name must not be empty";
  if (mayBeAuthority && isAuthorityHeader(name)) return undefined;
  const isInternal = name.startsWith(":") || name.toLowerCase() === "host";
  return isInternal ? `header ${JSON.stringify(name)} cannot be changed` : undefined;
}

/** What is wrong with the value of a header, or undefined: Envoy expands `%COMMAND(args)%` in it. */
export function headerValueProblem(value: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what Envoy refuses.
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return "a header's value may not hold control characters";
  return areCommandsWellFormed(value)
    ? undefined
    : `${JSON.stringify(value)}: % begins a command like %HOSTNAME%; write %% for the sign itself`;
}

type State = "literal" | "name" | "arguments" | "string-or-end" | "string" | "next-or-end" | "close" | "end";

/** Envoy's own reading of a header's value, state by state, with its leniences. */
function areCommandsWellFormed(value: string): boolean {
  let state: State = "literal";
  for (let index = 0; index < value.length; index += 1) {
    const character = value.charAt(index);
    const isLast = index === value.length - 1;
    const isSpace = character === " ";
    switch (state) {
      case "literal":
        if (character !== "%") break;
        if (isLast) return false;
        if (value.charAt(index + 1) === "%") index += 1;
        else state = "name";
        break;
      case "name":
        if (character === "%") state = "literal";
        else if (character === "(") state = "arguments";
        break;
      case "arguments":
        if (character === "[") state = "string-or-end";
        else if (!isSpace) state = "string";
        break;
      case "string-or-end":
        if (character === '"') state = "string";
        else if (!isSpace) return false;
        break;
      case "string":
        if (character === "\\") {
          if (isLast) return false;
          index += 1;
        } else if (character === ")") state = "end";
        else if (character === '"') state = "next-or-end";
        break;
      case "next-or-end":
        if (character === ",") state = "string-or-end";
        else if (character === "]") state = "close";
        else if (!isSpace) return false;
        break;
      case "close":
        if (character === ")") state = "end";
        else if (!isSpace) return false;
        break;
      case "end":
        if (character === "%") state = "literal";
        else if (!isSpace) return false;
        break;
    }
  }
  return state === "literal";
}
