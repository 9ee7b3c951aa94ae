import type { ProxyAgent } from "../../policy/compile/proxy/config.ts";
import { Connecting } from "../connect.ts";
import type { Connection } from "../connection.ts";
import type { ServiceState } from "../state.ts";
import { type Limited, liveLimit, rateLimit } from "./limits.ts";

/** Asks for a place at the service: limits first, then the service's own queue. */
export function takePlace(connection: Connection, service: ServiceState): void {
  const { counts, rates, deadlines } = connection.state;
  const limited = limitedOf(connection);
  const reached = liveLimit(limited, counts) ?? rateLimit(limited, rates, deadlines.now);
  if (reached !== undefined) {
    connection.finish("limit", reached);
    return;
  }
  const admission = service.admission.ask(connection);
  switch (admission) {
    case "admitted":
      connection.admitted();
      return;
    case "queued":
      connection.deadline = deadlines.now + service.config.limits.queueTimeout;
      deadlines.set(connection, connection.deadline);
      return;
    case "service-limit":
    case "principal-limit":
    case "queue-full":
      connection.finish("limit", admission);
      return;
  }
}

/** There is a place at the service: connect. */
export function placeTaken(connection: Connection): void {
  const { service, state } = connection;
  if (connection.phase !== "queue" || !service) return;
  connection.holdsPlace = true;
  state.counts.enter(connection.principalKey);
  state.counts.enterRules(connection.rules, connection.principalKey);
  const reached = liveLimit(limitedOf(connection), state.counts, true);
  if (reached !== undefined) {
    connection.finish("limit", reached);
    return;
  }
  setBounds(connection);
  connection.admittedAt = performance.now();
  connection.phase = "connect";
  connection.deadline = state.deadlines.now + service.config.connectTimeout;
  state.deadlines.set(connection, connection.deadline);
  connection.connecting = new Connecting(connection, service);
  connection.connecting.start();
}

/** Gives back whatever place the connection holds or waits for. */
export function leavePlace(connection: Connection): void {
  const { service, state } = connection;
  if (!service) return;
  service.admission.leaveQueue(connection);
  if (connection.endpoint) connection.endpoint.active -= 1;
  connection.endpoint = undefined;
  if (!connection.holdsPlace) return;
  connection.holdsPlace = false;
  state.counts.leaveRules(connection.rules, connection.principalKey);
  state.counts.leave(connection.principalKey);
  service.admission.release(connection.principalKey);
}

/** Takes the times and bytes that are allowed from the service, the rules and the agent. */
export function setBounds(connection: Connection): void {
  const { service, bounds, rules, startedAt } = connection;
  if (service) bounds.apply(service.config, rules, agentOf(connection), startedAt);
}

function limitedOf(connection: Connection): Limited {
  const { principalKey, rules } = connection;
  const perPrincipal = connection.state.generation.config.limits.maxConnectionsPerPrincipal;
  return { principalKey, rules, agent: agentOf(connection), perPrincipal };
}

function agentOf({ principal, state }: Connection): ProxyAgent | undefined {
  const { agent } = principal;
  return agent === undefined ? undefined : state.generation.agents.get(agent);
}
