import { Environment } from "@marcbachmann/cel-js";

const environment = new Environment({ unlistedVariablesAreDyn: true });

/** What is wrong with the syntax of an expression in CEL, or undefined. Names and types are not looked at. */
export function celSyntaxProblem(expression: string): string | undefined {
  try {
    environment.parse(expression);
    return undefined;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    return `must be an expression in CEL: ${detail}`;
  }
}
