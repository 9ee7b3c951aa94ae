import type { PrincipalChain, Verdict } from "../../policy/decide/index.ts";
import type { Connection } from "../connection.ts";

/** What a refused caller would have to have, by kind of link; group names only of the provider that vouched for the caller. */
export interface Missing {
  readonly groups?: readonly string[];
  readonly awsRoles?: readonly string[];
  readonly workloads?: readonly string[];
  readonly agents?: readonly string[];
}

/** Why somebody may not reach a port, as far as it is told to them. */
export interface Explanation {
  readonly reason: Verdict["reason"];
  readonly missing: Missing;
  readonly owner: string | undefined;
  readonly howToAsk: string;
}

/** `GET /v1/access`: what the holder of the credential may reach at this moment. */
export function accessList(connection: Connection, principal: PrincipalChain): unknown {
  const { state, credential } = connection;
  const { config } = state.generation;
  const services = [...state.services.values()].map(({ config }) => {
    const allowed = config.ports.flatMap(({ port, protocol }) => {
      const verdict = judge(connection, principal, config.name, port);
      return verdict.verdict === "allow" ? [{ port, protocol, verdict }] : [];
    });
    const verdicts = allowed.map(({ verdict }) => verdict);
    return {
      service: config.name,
      ports: allowed.map(({ port, protocol }) => ({ port, protocol })),
      owner: config.owner,
      until: isoOf(
        Math.min(...verdicts.map((verdict) => endOf(connection, principal, config.name, verdict))),
      ),
      rules: [...new Set(verdicts.flatMap(({ rules }) => rules))],
    };
  });
  return {
    principal: namesOf(principal),
    expires: credential ? new Date(credential.expires).toISOString() : null,
    policy: { digest: config.policy.digest, commit: config.policy.commit },
    services: services
      .filter(({ ports }) => ports.length > 0)
      .sort((a, b) => (a.service < b.service ? -1 : 1)),
  };
}

/** `GET /v1/access/SERVICE:PORT`: whether, and if not, why. */
export function accessAnswer(
  connection: Connection,
  principal: PrincipalChain,
  service: string,
  port: number,
): unknown {
  const verdict = judge(connection, principal, service, port);
  if (verdict.verdict === "allow") {
    const config = connection.state.services.get(service)?.config;
    return {
      service,
      port,
      verdict: "allow",
      reason: verdict.reason,
      protocol: config?.ports.find((served) => served.port === port)?.protocol,
      until: isoOf(endOf(connection, principal, service, verdict)),
      owner: config?.owner,
    };
  }
  const { reason, missing, owner, howToAsk } = explain(connection, principal, service, port, verdict);
  return { service, port, verdict: "deny", reason, missing, owner, howToAsk };
}

/**
 * Why, for somebody who is refused. A service that does not exist, and one for which nobody of the caller's kind has a
 * grant, look the same: asking tells no stranger what there is, or who may.
 */
export function explain(
  connection: Connection,
  principal: PrincipalChain,
  service: string,
  port: number,
  verdict: Verdict,
): Explanation {
  const ask = `portreeve request ${service} --for 1h --reason "…"`;
  const missing = missingLinks(connection, principal, service, port, verdict);
  if (!missing) {
    // Of a chain, which link is told first depends on the rules: it would tell of a service that there are some.
    const reason = connection.state.generation.judge.reasonWithoutRules(principal, Date.now());
    return { reason, missing: {}, owner: undefined, howToAsk: `${ask}, or ask whoever keeps the policies` };
  }
  const owner = connection.state.services.get(service)?.config.owner;
  const howToAsk = owner === undefined ? ask : `${ask}, or ask ${owner}`;
  return { reason: verdict.reason, missing, owner, howToAsk };
}

/** Undefined when nobody like the caller has a grant to the port. */
function missingLinks(
  { state }: Connection,
  { workload, person, agent }: PrincipalChain,
  service: string,
  port: number,
  verdict: Verdict,
): Missing | undefined {
  const allows = state.generation.judge
    .rulesOf(service)
    .filter(({ action, ports }) => action === "allow" && (ports?.includes(port) ?? true));
  switch (verdict.reason) {
    case "no-grant-for-person": {
      if (person?.awsRole !== undefined) {
        return allows.some(({ subjects }) => subjects.awsRoles.length > 0)
          ? { awsRoles: [person.awsRole] }
          : undefined;
      }
      const own = `${person?.user?.split(":", 1)[0] ?? ""}:`;
      const groups = allows.flatMap(({ subjects }) =>
        subjects.idpGroups.filter((group) => group.startsWith(own)),
      );
      const users = allows.some(({ subjects }) => subjects.users.some((user) => user.startsWith(own)));
      if (groups.length > 0) return { groups: [...new Set(groups)].sort() };
      return users ? {} : undefined;
    }
    case "no-grant-for-agent":
      return agent !== undefined && allows.some(({ subjects }) => subjects.agents.length > 0)
        ? { agents: [agent] }
        : undefined;
    case "no-grant-for-workload":
      return workload !== undefined && allows.some(({ subjects }) => subjects.workloads.length > 0)
        ? { workloads: [workload] }
        : undefined;
    case "denied-by-rule":
      return {};
    // Whatever the service: anybody's token can name an agent that is none.
    case "agent-not-valid":
    case "allowed":
    case "plaintext":
    case "unknown-service":
    case "unknown-port":
      return undefined;
  }
}

function judge(connection: Connection, principal: PrincipalChain, service: string, port: number): Verdict {
  const { state, sourceAddress, transport } = connection;
  return state.generation.judge.judge(
    { service, port, principal, sourceIp: sourceAddress, sni: transport?.sni },
    Date.now(),
  );
}

/** When what is allowed now ends by itself: the first of its rules, or the agent. */
function endOf(
  { state }: Connection,
  { agent }: PrincipalChain,
  service: string,
  { rules }: Verdict,
): number {
  const ends = rules.map((id) => state.generation.judge.rule(service, id)?.when.expires);
  if (agent !== undefined) ends.push(state.generation.agents.get(agent)?.expires);
  return Math.min(...ends.filter((end) => end !== undefined));
}

function isoOf(at: number): string | null {
  return Number.isFinite(at) ? new Date(at).toISOString() : null;
}

function namesOf({ workload, person, agent }: PrincipalChain): Record<string, unknown> {
  return { workload, user: person?.user, groups: person?.groups, awsRole: person?.awsRole, agent };
}
