import * as z from "zod";
import type { ProxyState } from "../state.ts";
import type { Revocation } from "./revocations.ts";

/**
 * Shuts somebody out: remembers it, and ends what is live. All in one turn, so that nobody is let in between.
 *
 * @returns how many connections were ended
 * @throws Error when there are too many revocations
 */
export function revoke(state: ProxyState, revocation: Revocation, at: number): number {
  if (!state.revocations.add(revocation, at)) throw new Error("too many revocations");
  const { agents } = state.generation;
  let closed = 0;
  for (const connection of [...state.live]) {
    const named = connection.id === revocation.connection;
    if (!named && !state.revocations.holds(connection.principal, agents, at)) continue;
    connection.finish("revoked");
    closed += 1;
  }
  return closed;
}

const name = z.string().min(1).max(2_048).optional();
const requestSchema = z.strictObject({
  agent: name,
  user: name,
  role: name,
  connection: name,
  until: z.iso.datetime({ offset: true }).optional(),
});

/** The body of `POST /revoke`; what is wrong with it, for one that is not understood. */
export function readRevocation(body: string): Revocation | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'send JSON such as {"agent":"triage"}';
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue?.path.join(".") || "the body"}: ${issue?.message}`;
  }
  const { until, ...target } = parsed.data;
  const named = Object.values(target).filter((value) => value !== undefined);
  if (named.length !== 1) return "name one of agent, user, role, connection";
  return { ...target, ...(until !== undefined && { until: Date.parse(until) }) };
}
