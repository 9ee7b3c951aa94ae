import type { ProxyAgent } from "../../policy/compile/proxy/config.ts";
import { Connecting } from "../connect.ts";
import type { Connection } from "../connection.ts";
import type { ServiceState } from "../state.ts";
import type { PlaceRequest } from "./place.ts";

/** How long the supervisor may take to answer a worker; without an answer there is no place. */
const ANSWER_MS = 5_000;

/** Asks for a place at the service: the bounds of principal, agent and rules, then the service's own and its queue. */
export function takePlace(connection: Connection, service: ServiceState): void {
  const { deadlines, places } = connection.state;
  connection.deadline = deadlines.now + ANSWER_MS;
  connection.place = places.place(requestOf(connection, service), connection);
  connection.place.ask();
}

/** There is none yet, but the service lets it wait. */
export function waitForPlace(connection: Connection): void {
  const { service, state } = connection;
  if (connection.phase !== "queue" || !service) return;
  connection.deadline = state.deadlines.now + service.config.limits.queueTimeout;
  state.deadlines.set(connection, connection.deadline);
}

/** There is a place at the service: connect. */
export function placeTaken(connection: Connection): void {
  const { service, state } = connection;
  if (connection.phase !== "queue" || !service) return;
  setBounds(connection);
  connection.admittedAt = performance.now();
  connection.phase = "connect";
  connection.deadline = state.deadlines.now + service.config.connectTimeout;
  state.deadlines.set(connection, connection.deadline);
  connection.connecting = new Connecting(connection, service);
  connection.connecting.start();
}

/** After a reload: other rules may bound it now. */
export function changePlace(connection: Connection): void {
  const { service, place } = connection;
  if (service) place?.change(requestOf(connection, service));
}

/** Gives back whatever place the connection holds or waits for. */
export function leavePlace(connection: Connection): void {
  if (connection.endpoint) connection.endpoint.active -= 1;
  connection.endpoint = undefined;
  connection.place?.leave();
  connection.place = undefined;
}

/** Takes the times and bytes that are allowed from the service, the rules and the agent. */
export function setBounds(connection: Connection): void {
  const { service, bounds, rules, startedAt } = connection;
  if (service) bounds.apply(service.config, rules, agentOf(connection), startedAt);
}

function requestOf(connection: Connection, { config }: ServiceState): PlaceRequest {
  const { principalKey, rules } = connection;
  const perPrincipal = connection.state.generation.config.limits.maxConnectionsPerPrincipal;
  return {
    service: config.name,
    serviceLimits: config.limits,
    principalKey,
    rules,
    agent: agentOf(connection),
    perPrincipal,
  };
}

function agentOf({ principal, state }: Connection): ProxyAgent | undefined {
  const { agent } = principal;
  return agent === undefined ? undefined : state.generation.agents.get(agent);
}
