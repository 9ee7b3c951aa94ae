import type { ProxyRule } from "../policy/compile/proxy/config.ts";
import type { PrincipalChain, Verdict } from "../policy/decide/index.ts";
import type { TransportFacts } from "./accept/transport.ts";
import { stillOpen } from "./broker/login-user.ts";
import { changePlace, setBounds, takePlace } from "./connect/places.ts";
import type { Connection } from "./connection.ts";
import { hasNotes, NoteTaker } from "./protocol/notes.ts";
import type { ServiceState } from "./state.ts";

/** The first verdict on a connection: it falls here, before anything is dialled. */
export function authorize(
  connection: Connection,
  transport: TransportFacts,
  service: ServiceState,
  port: number,
  principal: PrincipalChain,
): void {
  const { state } = connection;
  state.handshakes -= 1;
  connection.phase = "queue";
  connection.identifiedAt = performance.now();
  connection.transport = transport;
  connection.service = service;
  connection.servicePort = port;
  connection.principal = principal;
  connection.principalKey = principalKeyOf(principal, connection.sourceAddress);
  const protocol = service.port(port)?.protocol ?? "tcp";
  // Where the proxy logs in, the login itself tells: a name that the client claims is not the one that counts.
  if (service.config.notes && hasNotes(protocol) && !connection.mysqlGreeted && !service.config.auth)
    connection.noteTaker = new NoteTaker(protocol);
  state.metrics.opened(connection);
  if (state.revocations.holds(principal, state.generation.agents, Date.now())) {
    connection.finish("revoked");
    return;
  }
  const verdict = judge(connection);
  connection.verdict = verdict;
  state.metrics.verdict(verdict);
  if (verdict.verdict === "deny") {
    connection.finish("denied", verdict.reason);
    return;
  }
  connection.rules = rulesOf(connection, verdict);
  if (!state.audit.healthy && auditRequired(connection)) {
    connection.finish("audit-unavailable");
    return;
  }
  takePlace(connection, service);
}

/** After a reload, or when a rule began or ended: ends the connection if it lost access. */
export function authorizeAgain(connection: Connection, trustChanged: boolean): void {
  const { phase, state } = connection;
  // Who is being identified has no verdict yet; its stage asks `lostGround` before there is one.
  if (phase === "identify" || phase === "closed") return;
  const lost = lostGround(connection, trustChanged);
  if (lost !== undefined) {
    connection.finish("access-lost", lost);
    return;
  }
  const name = connection.service?.config.name ?? "";
  if (state.services.get(name) !== connection.service) {
    connection.finish("access-lost", "the service is no longer declared");
    return;
  }
  const verdict = judge(connection);
  connection.verdict = verdict;
  if (verdict.verdict === "deny") {
    connection.finish("access-lost", verdict.reason);
    return;
  }
  connection.rules = rulesOf(connection, verdict);
  changePlace(connection);
  const { loginUser } = connection;
  if (loginUser !== undefined && !stillOpen(connection.rules, loginUser)) {
    connection.finish("access-lost", `its grant maps to another database user than ${loginUser} now`);
    return;
  }
  setBounds(connection);
  if (phase === "relay") state.deadlines.set(connection, connection.due(state.deadlines.now));
}

/** Why the configuration in force does not accept what the client has shown; undefined when it does. */
export function lostGround(
  { state, transport, credential }: Connection,
  trustChanged: boolean,
): string | undefined {
  const { identifier, credentials } = state.generation;
  const workload = transport?.workload;
  if (trustChanged && workload && !identifier.stillVouched(workload, Date.now())) {
    return "no trust bundle vouches for its certificate any more";
  }
  return credential && !credentials.stillAccepts(credential)
    ? "the identity provider is no longer accepted"
    : undefined;
}

function judge(connection: Connection): Verdict {
  return connection.state.generation.judge.judge(
    {
      service: connection.service?.config.name ?? "",
      port: connection.servicePort,
      principal: connection.principal,
      sourceIp: connection.sourceAddress,
      sni: connection.transport?.sni,
    },
    Date.now(),
  );
}

function rulesOf(connection: Connection, verdict: Verdict): ProxyRule[] {
  const name = connection.service?.config.name ?? "";
  const rules: ProxyRule[] = [];
  for (const id of verdict.rules) {
    const rule = connection.state.generation.judge.rule(name, id);
    if (rule) rules.push(rule);
  }
  return rules;
}

function auditRequired({ state, service }: Connection): boolean {
  return state.generation.config.audit.required || service?.config.audit === "required";
}

/** Whose connections are counted together: the innermost link of the chain, or the address of somebody without one. */
export function principalKeyOf(principal: PrincipalChain, address: string): string {
  return (
    principal.agent ??
    principal.person?.user ??
    principal.person?.awsRole ??
    principal.workload ??
    `address:${address}`
  );
}
