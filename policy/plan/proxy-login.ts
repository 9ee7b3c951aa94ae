import type { Rule, Service } from "../model/types.ts";

/** True when the proxy logs in to the service for its clients, with a token of its own AWS role. */
export function proxyLogsIn(service: Service): boolean {
  return service.enforcement === "proxy" && service.spec.auth !== "none";
}

/** The users that the proxy may log in to the service as; none where clients log in themselves. */
export function serviceUsers(service: Service): readonly string[] {
  const { auth, aws } = service.spec;
  switch (auth) {
    case "rds-iam":
      return aws?.rds?.users ?? [];
    case "elasticache-iam":
      return aws?.elasticache?.users ?? [];
    case "none":
      return [];
  }
}

/** Users that these rules open, in the order in which the service lists them. */
export function openUsers(service: Service, rules: readonly Rule[]): string[] {
  const open = new Set(rules.flatMap((rule) => loginUsersOf(service, rule) ?? []));
  return serviceUsers(service).filter((user) => open.has(user));
}

/** The users of a service that the proxy may log in as for whom the rule allows; undefined where it does not log in. */
export function loginUsersOf(service: Service, rule: Rule): readonly string[] | undefined {
  if (!proxyLogsIn(service) || rule.action === "deny") return undefined;
  const users = serviceUsers(service);
  const chosen = rule.loginUsers ?? (users.length === 1 ? users : []);
  return chosen.length > 0 ? chosen : undefined;
}
