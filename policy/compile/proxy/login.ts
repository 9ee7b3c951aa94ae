import type { Finding } from "../../finding.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { Cluster, Model, Rule, Service } from "../../model/types.ts";
import { loginUsersOf, proxyLogsIn, serviceUsers } from "../../plan/proxy-login.ts";
import type { Protocol } from "../../schema/index.ts";
import { type Blamed, findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";

type Auth = NonNullable<ProxyConfigInput["services"][number]["auth"]>;

/** How the proxy logs in to a service for its clients; undefined where they log in themselves. */
export function serviceLogin(cluster: Cluster, service: Service, findings: Finding[]): Auth | undefined {
  if (!proxyLogsIn(service)) return undefined;
  const { auth, aws, tls, resolution } = service.spec;
  const tell = (message: string, fix: string) => findings.push(cannot(blame(service), message, fix));
  if (tls.mode !== "simple" && tls.mode !== "mutual") {
    tell(
      `the proxy would send its login token to ${service.name} without TLS (\`tls.mode: ${tls.mode}\`)`,
      "set `tls: { mode: simple, ca: … }`",
    );
  }
  const spoken: readonly Protocol[] = auth === "rds-iam" ? ["postgres", "mysql"] : ["redis"];
  if (!spoken.includes(service.protocol)) {
    tell(
      `\`auth: ${auth}\` of ${service.name} is a login to ${spoken.join(" and ")}, and it speaks ${service.protocol}`,
      "let clients log in themselves (`auth: none`), or correct `protocol`",
    );
  }
  const region = aws?.region ?? cluster.eks?.region;
  if (region === undefined) {
    tell(
      `the AWS region of ${service.name} is not known, and cluster ${cluster.name} has no \`eks\` block to take it from`,
      "set `aws.region` of the Service",
    );
    return undefined;
  }
  const [host] = service.hosts;
  switch (auth) {
    case "rds-iam":
      // The token names the endpoint as AWS does; an address that is dialled instead of it would make another token.
      return { type: "rds-iam", region, ...(resolution === "static" && host !== undefined && { host }) };
    case "elasticache-iam": {
      const cache = aws?.elasticache;
      // Told as PR603, by the AWS side.
      if (!cache) return undefined;
      const serverless = cache.kind === "serverless";
      return {
        type: "elasticache-iam",
        region,
        cache: cache.replicationGroup,
        ...(serverless && { serverless }),
      };
    }
    case "none":
      return undefined;
  }
}

/** What the policies ask about logins that would not happen, or would be of nobody in particular. */
export function checkLogins(model: Model, cluster: Cluster): Finding[] {
  const findings: Finding[] = [];
  const rules = Map.groupBy(model.rules, (rule) => rule.service);
  for (const service of model.services.values()) {
    if (!service.clusters.includes(cluster.name)) continue;
    const own = rules.get(service.name) ?? [];
    if (!proxyLogsIn(service) && service.spec.auth !== "none") {
      findings.push(
        cannot(
          blame(service),
          `\`auth: ${service.spec.auth}\` of ${service.name} has no effect: its clients do not pass the proxy`,
          "set `location: { type: external, egress: proxy }`, or `auth: none`",
        ),
      );
    }
    if (service.enforcement === "proxy" && service.spec.aws?.msk) findings.push(kafkaPasses(service));
    findings.push(...userFindings(service, own));
    if (proxyLogsIn(service)) findings.push(...ambiguousUsers(service, own));
  }
  return findings;
}

function userFindings(service: Service, rules: readonly Rule[]): Finding[] {
  const findings: Finding[] = [];
  const users = serviceUsers(service);
  for (const rule of once(rules)) {
    const tell = (message: string, fix: string) => findings.push(cannot(blameGrant(rule), message, fix));
    if (rule.loginUsers && (rule.action === "deny" || !proxyLogsIn(service))) {
      const why = rule.action === "deny" ? "a deny logs nobody in" : "clients log in themselves";
      tell(`\`to.users\` of ${rule.id} has no effect at ${service.name}: ${why}`, "remove `to.users`");
      continue;
    }
    if (rule.action === "deny" || !proxyLogsIn(service)) continue;
    const unknown = (rule.loginUsers ?? []).filter((user) => !users.includes(user));
    if (unknown.length > 0) {
      tell(
        `${rule.id} maps to ${unknown.join(", ")}, which ${service.name} does not list; it has ${users.join(", ")}`,
        "name a user of the Service, or add it there",
      );
    }
    if (!rule.loginUsers && users.length > 1) {
      tell(
        `${rule.id} does not say as whom the proxy logs in to ${service.name}, which has ${users.join(", ")}`,
        "set `to.users`",
      );
    }
  }
  return findings;
}

/** Of two rules that allow one identity, the verdict rests on one: with different users, which one would be an accident. */
function ambiguousUsers(service: Service, rules: readonly Rule[]): Finding[] {
  const first = new Map<string, Rule>();
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (const rule of rules) {
    if (rule.action === "deny") continue;
    for (const subject of Object.entries(rule.subjects).flatMap(([kind, list]) =>
      list.map((one: unknown) => canonicalJson([kind, one])),
    )) {
      for (const port of rule.ports) {
        const key = `${port} ${subject}`;
        const other = first.get(key) ?? rule;
        first.set(key, other);
        if (canonicalJson(loginUsersOf(service, other)) === canonicalJson(loginUsersOf(service, rule)))
          continue;
        const pair = `${other.id} ${rule.id}`;
        if (told.has(pair)) continue;
        told.add(pair);
        findings.push(
          cannot(
            blameGrant(rule),
            `${other.id} and ${rule.id} open ${service.name}:${port} to one identity as different users`,
            "name all of its users in the `to.users` of one grant, or the same in both",
          ),
        );
      }
    }
  }
  return findings;
}

function kafkaPasses(service: Service): Finding {
  return findingAt(
    "PR617",
    "info",
    blame(service),
    `clients of ${service.name} log in to MSK themselves: the proxy passes their Kafka connections as they are`,
    "give each client's role the permission (the grant does), and use an IAM client library",
  );
}

/** One grant may be several rules. */
function once(rules: readonly Rule[]): Rule[] {
  return [
    ...new Map(rules.filter(({ source }) => source === "grant").map((rule) => [rule.id, rule])).values(),
  ];
}

function blame(service: Service): Blamed {
  return { kind: "Service", id: service.name, position: service.position };
}

function blameGrant(rule: Rule): Blamed {
  return { kind: "Grant", id: rule.id, position: rule.origin };
}

function cannot(blamed: Blamed, message: string, fix: string): Finding {
  return findingAt("PR610", "error", blamed, message, fix);
}
