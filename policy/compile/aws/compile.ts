import { compareFindings, compareText } from "../../finding.ts";
import type { Rule, Service, Workload } from "../../model/types.ts";
import { openUsers, proxyLogsIn } from "../../plan/proxy-login.ts";
import { findingAt } from "../report.ts";
import type { Compiled, CompileInput, Target } from "../target.ts";
import { type Context, makeContext } from "./context.ts";
import { exactNames } from "./exact-names.ts";
import { grantedWorkloads, openGrants, type Window, windowCondition, windowLabel } from "./holders.ts";
import type { AwsObject } from "./objects.ts";
import { type Permissions, permissionsOf } from "./permission.ts";
import { type Allowance, policyTargets } from "./policy.ts";
import { type Holder, proxyRoleTargets, workloadRoleTargets } from "./role.ts";
import { holderFor, type RoleChain, roleChain } from "./role-chain.ts";
import { securityGroupRules } from "./security-group.ts";

/**
 * The AWS side of one cluster: the workloads' roles with their trust, the least permission that each grant needs, and the
 * security-group rules of the services.
 */
export function compileAws(input: CompileInput): Compiled<AwsObject> {
  const context = makeContext(input);
  exactNames(context);
  const targets: Target<AwsObject>[] = [];
  const holders = new Map<string, { own: Holder; chain: RoleChain | undefined }>();
  const held = new Map<Holder, Allowance[]>();
  const hold = (holder: Holder, allowance: Allowance) =>
    held.set(holder, [...(held.get(holder) ?? []), allowance]);
  for (const workload of input.model.workloads.values()) {
    if (!workload.clusters.includes(input.cluster.name)) continue;
    const made = workloadRoleTargets(context, workload);
    targets.push(...made.targets);
    if (!made.holder) continue;
    const chain = roleChain(context, workload, made.holder);
    holders.set(workload.id, { own: made.holder, chain });
    if (!chain || chain.byAccount.size === 0) continue;
    targets.push(...chain.targets);
    hold(made.holder, chain.allowance);
  }
  let proxy: Holder | undefined;
  for (const service of input.model.services.values()) {
    if (!service.clusters.includes(input.cluster.name)) continue;
    const permissions = permissionsOf(input.cluster, service, context.findings, loginUsers(context, service));
    for (const [workload, allowance] of clientAllowances(context, service, permissions)) {
      const roles = holders.get(workload.id);
      const holder = roles && holderFor(context, workload, service, roles.own, roles.chain);
      if (holder) hold(holder, allowance);
    }
    if (!proxyLogsIn(service) || permissions.proxy.length === 0 || openGrants(context, service).length === 0)
      continue;
    const made = proxy ? undefined : proxyRoleTargets(context);
    if (made) targets.push(...made.targets);
    proxy ??= made?.holder;
    if (proxy) hold(proxy, loginAllowance(context, service, permissions));
    else tellNoProxyRole(context, service);
  }
  targets.push(...policyTargets(context, held), ...securityGroupRules(context));
  return {
    targets: unique(context, targets).sort((a, b) => compareText(a.key, b.key)),
    findings: context.findings.sort(compareFindings),
  };
}

/** What each workload holds because of a service: one allowance for all of them, or one for each grant. */
function clientAllowances(
  context: Context,
  service: Service,
  permissions: Permissions,
): [Workload, Allowance][] {
  if (permissions.client.length === 0) return [];
  const allowances = new Map<string, Allowance>();
  const make = (window: Window, grants: readonly string[], grant: string | undefined): Allowance => {
    const label = windowLabel(window);
    const name = [context.cluster.name, grant ?? service.name, ...(label === "" ? [] : [label])];
    const key = name.join(" ");
    const known = allowances.get(key);
    if (known) return known;
    const condition = windowCondition(window);
    const made: Allowance = {
      owner: grant === undefined ? "TcpService" : "AccessPolicy",
      subject: grant ?? service.name,
      causes: [`Service/${service.name}`, ...grants.map((id) => `Grant/${id}`)],
      about: service.name,
      reviewer: service.spec.owner,
      name,
      statements: permissions.client.map((statement) => ({
        ...statement,
        ...(condition && { Condition: condition }),
      })),
    };
    allowances.set(key, made);
    return made;
  };
  const of = (allow: (rule: Rule) => boolean, grant: string | undefined): [Workload, Allowance][] => {
    const granted = grantedWorkloads(context, service, allow);
    const grants = grant === undefined ? [...new Set(granted.flatMap((one) => one.grants))].sort() : [grant];
    return granted.flatMap(({ workload, windows }) =>
      windows.map((window): [Workload, Allowance] => [workload, make(window, grants, grant)]),
    );
  };
  if (context.grouping === "service") return of(() => true, undefined);
  return openGrants(context, service).flatMap((grant) => of((rule) => rule.id === grant, grant));
}

/** As whom the proxy logs in: what open grants map to, so that a user goes from its role with the last grant that names it. */
function loginUsers(context: Context, service: Service): string[] {
  const open = new Set(openGrants(context, service));
  const rules = context.rules.get(service.name) ?? [];
  return openUsers(
    service,
    rules.filter(({ id }) => open.has(id)),
  );
}

function loginAllowance(context: Context, service: Service, permissions: Permissions): Allowance {
  return {
    owner: "TcpProxy",
    subject: "proxy",
    causes: [`Service/${service.name}`],
    about: service.name,
    reviewer: service.spec.owner,
    name: [context.cluster.name, service.name, "login"],
    statements: permissions.proxy,
  };
}

function tellNoProxyRole(context: Context, service: Service): void {
  context.findings.push(
    findingAt(
      "PR601",
      "error",
      { kind: "Service", id: service.name, position: service.position },
      `the proxy logs in to ${service.name} (\`auth: ${service.spec.auth}\`), and cluster ${context.cluster.name} has no \`eks\` block to give it a role by`,
      "add `eks` (name, account, region) to the cluster in Trust, or set `auth: none`",
    ),
  );
}

/** Two objects of one key would be one resource that two policies fight for. */
function unique(context: Context, targets: readonly Target<AwsObject>[]): Target<AwsObject>[] {
  const byKey = new Map<string, Target<AwsObject>>();
  for (const target of targets) {
    const first = byKey.get(target.key);
    if (!first) {
      byKey.set(target.key, target);
      continue;
    }
    const workload = context.model.workloads.get(target.subject);
    context.findings.push(
      findingAt(
        "PR615",
        "error",
        { kind: "Workload", id: target.subject, position: workload?.position },
        `${first.subject} and ${target.subject} would both make ${target.key}`,
        "give them different role names and service accounts, or make them one Workload",
      ),
    );
  }
  return [...byKey.values()];
}
