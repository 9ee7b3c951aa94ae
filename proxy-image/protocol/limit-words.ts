/** The bound that one more connection would have broken, as records say it in `error`. */
export type Reached =
  | "service-limit"
  | "queue-full"
  /** One principal, at one service. */
  | "principal-limit"
  /** One principal, over all services. */
  | "principal"
  | `agent ${string}`
  | `rule ${string}`
  | `rate of ${string}`;

const EACH = ", for each principal";

/**
 * Which bound was reached, for whom it concerns: a client that may connect, and is told by `/v1/access` by which rules. It
 * tells a client that has too many connections of its own from one who has to wait for others.
 *
 * @param reached what a record has in `error` when it has `close: limit`
 */
export function limitWords(reached: string): string | undefined {
  switch (reached) {
    case "service-limit":
      return "the service takes no more";
    case "queue-full":
      return "as many wait for it as may";
    case "principal-limit":
      return "you have as many to it as one may have";
    case "principal":
      return "you have as many as one may have, over all services";
  }
  const [, rate, kind, rest] = /^(rate of )?(agent|rule) (.+)$/s.exec(reached) ?? [];
  if (kind === undefined || rest === undefined) return undefined;
  const name = `${kind} ${rest.endsWith(EACH) ? rest.slice(0, -EACH.length) : rest}`;
  if (rate !== undefined) {
    return kind === "agent"
      ? `${name} has made as many in a minute as it may`
      : `${name} lets you make no more in this minute`;
  }
  if (kind === "agent") return `${name} has as many as it may, over all services`;
  return rest.endsWith(EACH) ? `${name} lets you have no more` : `${name} takes no more`;
}
