import type { Finding } from "../../finding.ts";
import type { Cluster, Model, Service } from "../../model/types.ts";
import { FIRST_LISTENER_PORT, LISTENER_PORTS } from "../../plan/listener-ports.ts";
import { HBONE_PORT, PROXY_METRICS_PORT } from "../../plan/proxy-mounts.ts";
import { findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";

type TlsListener = Extract<ProxyConfigInput["listeners"][number], { mode: "tls" }>;

/** The port on which stock clients of a service give a token as their password; undefined where there is none. */
export function tokenLoginListener({ name, ports, spec }: Service): TlsListener | undefined {
  const { tokenLogin } = spec;
  const [only] = ports;
  if (!tokenLogin || !only) return undefined;
  return {
    name: `${name}-token`,
    mode: "tls",
    port: tokenLogin.port,
    service: name,
    servicePort: only.port,
    passwordToken: { provider: tokenLogin.provider },
  };
}

/** What is asked of token logins and cannot be (PR610), and ports that are somebody else's (PR208). */
export function checkTokenLogins(model: Model, cluster: Cluster): Finding[] {
  const findings: Finding[] = [];
  const taken = new Map<number, string>([
    [model.trust.spec.proxy.connectPort, "the shared port (`proxy.connectPort`)"],
    [PROXY_METRICS_PORT, "the proxy's metrics"],
    [HBONE_PORT, "HBONE"],
  ]);
  for (const service of model.services.values()) {
    const { tokenLogin } = service.spec;
    if (!tokenLogin || !service.clusters.includes(cluster.name)) continue;
    const blamed = { kind: "Service", id: service.name, position: service.position } as const;
    for (const [message, fix] of problemsOf(service)) {
      findings.push(findingAt("PR610", "error", blamed, message, fix));
    }
    const { port } = tokenLogin;
    const planned = port >= FIRST_LISTENER_PORT && port < FIRST_LISTENER_PORT + LISTENER_PORTS;
    const other = planned ? "planned for listeners of services" : taken.get(port);
    if (other !== undefined) {
      findings.push(
        findingAt(
          "PR208",
          "error",
          blamed,
          `\`tokenLogin.port\` ${port} of ${service.name} is ${other}`,
          "choose another port, outside 20000 to 29999",
        ),
      );
    }
    taken.set(port, `the one of ${service.name}`);
  }
  return findings;
}

function problemsOf({ name, enforcement, protocol, ports, spec }: Service): [string, string][] {
  const problems: [string, string][] = [];
  if (enforcement !== "proxy") {
    problems.push([
      `\`tokenLogin\` of ${name} has no effect: its clients do not pass the proxy`,
      "set `location: { type: external, egress: proxy }`, or remove it",
    ]);
  }
  if (protocol !== "postgres") {
    problems.push([
      `\`tokenLogin\` of ${name} asks for a password as PostgreSQL does, and it speaks ${protocol}`,
      "remove it; its clients come by `portreeve connect`",
    ]);
  }
  if (spec.auth === "none") {
    problems.push([
      `\`tokenLogin\` of ${name} takes a token for the client's password, so the proxy has to log in for the client`,
      "set `auth: rds-iam`",
    ]);
  }
  if (ports.length > 1) {
    problems.push([
      `\`tokenLogin\` of ${name} is for a service with one port, and it has ${ports.length}`,
      "make each port a Service of its own",
    ]);
  }
  return problems;
}
