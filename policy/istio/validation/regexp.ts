import { RE2JS } from "re2js";
import { byteLength } from "./bytes.ts";

/** What is wrong with an RE2 regular expression, or undefined. */
export function regexpProblem(source: string): string | undefined {
  try {
    RE2JS.compile(source);
    return undefined;
  } catch (cause) {
    return `${JSON.stringify(source)} is not a valid RE2 expression: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

/** The same for one that Envoy matches requests with: not empty, 1024 bytes at most. */
export function matchRegexpProblem(source: string): string | undefined {
  if (source === "") return "a regular expression must not be empty";
  return longRegexpProblem(source) ?? regexpProblem(source);
}

/** Istio stands in for Envoy's limit on the size of a compiled program with a limit on its text. */
export function longRegexpProblem(source: string): string | undefined {
  return byteLength(source) > 1024 ? "a regular expression may be 1024 characters long at most" : undefined;
}
