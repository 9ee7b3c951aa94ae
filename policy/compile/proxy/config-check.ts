import ipaddr from "ipaddr.js";
import type * as z from "zod";
import type { proxyConfigFields } from "./config.ts";

type Parsed = z.output<typeof proxyConfigFields>;
type Path = (string | number)[];

/** What the shape alone cannot say: names that must exist, names that must be unique, fields that exclude each other. */
export function checkReferences(config: Parsed, context: z.RefinementCtx): void {
  const problem = (path: Path, message: string) => {
    context.addIssue({ code: "custom", path, message });
  };
  unique(config.services, "services", "service", problem);
  unique(config.listeners, "listeners", "listener", problem);
  unique(config.agents, "agents", "agent", problem);
  unique(config.identityProviders.oidc, "identityProviders.oidc", "identity provider", problem);
  checkServices(config, problem);
  checkListeners(config, problem);
  checkRules(config, problem);
  checkTrust(config, problem);
  if (config.admin && "bind" in config.admin && !isLoopback(config.admin.bind)) {
    problem(
      ["admin", "bind"],
      "the admin interface can close connections: bind a loopback address or use `socket`",
    );
  }
}

type Problem = (path: Path, message: string) => void;

function unique(list: readonly { name: string }[], key: string, what: string, problem: Problem): void {
  const seen = new Set<string>();
  for (const [index, { name }] of list.entries()) {
    if (seen.has(name))
      problem([...key.split("."), index, "name"], `there is already a ${what} named "${name}"`);
    seen.add(name);
  }
}

function checkServices(config: Parsed, problem: Problem): void {
  for (const [s, service] of config.services.entries()) {
    checkAuth(service, ["services", s, "auth"], problem);
    const ports = new Set<number>();
    for (const [p, { port }] of service.ports.entries()) {
      if (ports.has(port)) problem(["services", s, "ports", p, "port"], `port ${port} is listed twice`);
      ports.add(port);
    }
    if (service.ports.length === 1) continue;
    for (const [e, endpoint] of service.endpoints.entries()) {
      if (endpoint.port === undefined) continue;
      problem(
        ["services", s, "endpoints", e, "port"],
        `service "${service.name}" has several ports, so an endpoint's own port would be ambiguous: use ports[].targetPort`,
      );
    }
  }
}

/** Protocols in which the proxy logs in, by kind of login. */
const SPOKEN = {
  "rds-iam": ["postgres", "mysql"],
  "elasticache-iam": ["redis"],
  trust: ["postgres"],
} as const satisfies Record<string, readonly string[]>;

/** A token is as good as a password while it lives: it goes to a verified endpoint, in a protocol that is known, or nowhere. */
function checkAuth({ auth, ports, tls, name }: Parsed["services"][number], at: Path, problem: Problem): void {
  if (!auth) return;
  if (tls.mode === "none") {
    problem(at, `service "${name}" has no \`tls\`, and a login token is never sent without it`);
  }
  const spoken = SPOKEN[auth.type];
  for (const { port, protocol } of ports) {
    if (spoken.some((one) => one === protocol)) continue;
    problem(at, `\`${auth.type}\` logs in to ${spoken.join(" and ")}; port ${port} speaks ${protocol}`);
  }
}

function checkListeners(config: Parsed, problem: Problem): void {
  const services = new Map(config.services.map((service) => [service.name, service]));
  const bound = new Map<string, string>();
  for (const [l, listener] of config.listeners.entries()) {
    const at = ["listeners", l];
    const address = listener.bind ?? (listener.mode === "plaintext-loopback" ? "127.0.0.1" : "0.0.0.0");
    const key = `${address}:${listener.port}`;
    const other = bound.get(key);
    if (other !== undefined) problem([...at, "port"], `${key} is already bound by listener "${other}"`);
    bound.set(key, listener.name);
    if (listener.mode === "plaintext-loopback" && !isLoopback(address)) {
      problem([...at, "bind"], `a plaintext listener binds a loopback address only, not ${address}`);
    }
    if (listener.mode === "tls" && listener.passwordToken) {
      checkPasswordToken(config, listener.service, listener.passwordToken.provider, at, problem);
    }
    for (const [path, target] of targets(listener, at)) {
      const service = services.get(target.service);
      if (!service) {
        problem([...path, "service"], unknownName("service", target.service, [...services.keys()]));
      } else if (target.servicePort === undefined && service.ports.length > 1) {
        problem(path, `service "${service.name}" has several ports: say which with servicePort`);
      } else if (
        target.servicePort !== undefined &&
        !service.ports.some(({ port }) => port === target.servicePort)
      ) {
        problem(
          [...path, "servicePort"],
          `service "${service.name}" has no port ${target.servicePort}; it has ${service.ports.map(({ port }) => port).join(", ")}`,
        );
      }
    }
  }
}

function checkPasswordToken(
  config: Parsed,
  serviceName: string,
  provider: string,
  at: Path,
  problem: Problem,
): void {
  const path = [...at, "passwordToken"];
  const known = config.identityProviders.oidc.map(({ name }) => name);
  if (!known.includes(provider)) {
    problem([...path, "provider"], unknownName("OIDC provider", provider, known));
  }
  const service = config.services.find(({ name }) => name === serviceName);
  if (service?.ports.some(({ protocol }) => protocol !== "postgres")) {
    problem(path, "only PostgreSQL's password can be a token: the service has another protocol");
  }
  if (service && !service.auth) {
    problem(
      path,
      `service "${serviceName}" has no \`auth\`: the proxy keeps the token, so it has to log in for the client`,
    );
  }
}

function targets(
  listener: Parsed["listeners"][number],
  at: Path,
): [Path, { service: string; servicePort?: number | undefined }][] {
  switch (listener.mode) {
    case "mtls":
    case "tls":
    case "plaintext-loopback":
      return [[at, listener]];
    case "passthrough":
      return listener.routes.map((route, r) => [[...at, "routes", r], route]);
    case "connect":
    case "hbone":
      return [];
  }
}

function checkRules(config: Parsed, problem: Problem): void {
  const services = new Map(config.services.map((service) => [service.name, service]));
  const agents = new Set(config.agents.map((agent) => agent.name));
  for (const [r, rule] of config.rules.entries()) {
    const at = ["rules", r];
    const service = services.get(rule.service);
    if (!service) {
      problem([...at, "service"], unknownName("service", rule.service, [...services.keys()]));
      continue;
    }
    for (const [p, port] of (rule.ports ?? []).entries()) {
      if (service.ports.some((served) => served.port === port)) continue;
      problem(
        [...at, "ports", p],
        `service "${service.name}" has no port ${port}: the rule would never match`,
      );
    }
    if (Object.values(rule.subjects).every((list) => list.length === 0)) {
      problem(
        [...at, "subjects"],
        `rule "${rule.id}" names nobody; a rule without subjects is never written by accident`,
      );
    }
    if (service.auth && rule.action === "allow" && !rule.loginUsers) {
      problem(
        at,
        `service "${service.name}" has \`auth\`: say with \`loginUsers\` as whom rule "${rule.id}" logs in`,
      );
    }
    if (rule.loginUsers && (!service.auth || rule.action === "deny")) {
      problem(
        [...at, "loginUsers"],
        `rule "${rule.id}" logs nobody in: it denies, or its service has no \`auth\``,
      );
    }
    for (const [a, agent] of rule.subjects.agents.entries()) {
      if (agents.has(agent)) continue;
      problem([...at, "subjects", "agents", a], unknownName("agent", agent, [...agents]));
    }
    const { notBefore, expires } = rule.when;
    if (notBefore !== undefined && expires !== undefined && expires <= notBefore) {
      problem([...at, "when", "expires"], `rule "${rule.id}" expires before it begins`);
    }
  }
}

function checkTrust(config: Parsed, problem: Problem): void {
  const { trustDomain, aliases, bundles } = config.trust;
  const seen = new Set<string>();
  for (const [b, bundle] of bundles.entries()) {
    const path = ["trust", "bundles", b, "trustDomain"];
    if (seen.has(bundle.trustDomain))
      problem(path, `"${bundle.trustDomain}" has two bundles: put both into one file`);
    // An alias is vouched for by the own bundle; a bundle of its own would let two authorities speak for one name.
    if (aliases.includes(bundle.trustDomain))
      problem(path, `"${bundle.trustDomain}" is an alias of "${trustDomain}"`);
    seen.add(bundle.trustDomain);
  }
  if (config.certificate.source === "files" && !seen.has(trustDomain)) {
    problem(["trust", "bundles"], `there is no bundle for the own trust domain "${trustDomain}"`);
  }
  checkIstiod(config.certificate, problem);
}

function checkIstiod(certificate: Parsed["certificate"], problem: Problem): void {
  if (certificate.source !== "istiod" || certificate.serverName !== undefined) return;
  const host = certificate.address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (!ipaddr.isValid(host)) return;
  problem(["certificate", "address"], "an address that is an IP needs `serverName`, to verify istiod by");
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

function unknownName(what: string, name: string, known: readonly string[]): string {
  const near = known.find((candidate) => distance(candidate, name) <= 2);
  return `there is no ${what} named "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
