import { compareText } from "../finding.ts";
import type { AccessRow, Cluster, Model, Rule, Service } from "./types.ts";

type Subject = Pick<AccessRow, "from" | "fromKind">;

/**
 * Who may reach what, through which enforcement point: one row for each subject, port and point.
 *
 * @param cluster - whose data plane names the enforcement points. @default the first cluster of Trust
 */
export function accessTable(model: Model, cluster?: Cluster): AccessRow[] {
  const at = cluster ?? model.trust.spec.clusters[0];
  const ids = new Map([...model.workloads.values()].map((workload) => [workload.spiffeId, workload.id]));
  const rows: AccessRow[] = [];
  for (const rule of model.rules) {
    if (rule.source === "admission") continue;
    const service = model.services.get(rule.service);
    if (!service) continue;
    for (const subject of subjects(rule, ids)) {
      for (const port of rule.ports) {
        for (const via of rule.via) {
          const point = via === "proxy" ? "proxy" : meshPoint(service, at);
          const conditions = conditionsOf(rule);
          rows.push({
            action: rule.action,
            ...subject,
            service: service.name,
            port,
            via,
            point,
            conditions,
            grant: rule.id,
            position: rule.origin,
          });
        }
      }
    }
  }
  return rows.sort(
    (a, b) =>
      compareText(a.service, b.service) ||
      a.port - b.port ||
      compareText(a.action, b.action) ||
      compareText(a.from, b.from) ||
      compareText(a.via, b.via) ||
      compareText(a.grant, b.grant),
  );
}

function meshPoint(service: Service, cluster: Cluster | undefined): string {
  if (service.enforcement === "gateway") return "egress gateway";
  return cluster?.dataPlane === "ambient" ? "ztunnel" : "sidecar";
}

function subjects(rule: Rule, ids: ReadonlyMap<string, string>): Subject[] {
  const { workloads, namespaces, cidrs, users, idpGroups, awsRoles, agents } = rule.subjects;
  return [
    ...workloads.map((id): Subject => ({ from: ids.get(id) ?? id, fromKind: "workload" })),
    ...namespaces.map(
      ({ namespace }): Subject => ({ from: `namespace:${namespace}`, fromKind: "namespace" }),
    ),
    ...cidrs.map((cidr): Subject => ({ from: cidr, fromKind: "cidr" })),
    ...users.map((user): Subject => ({ from: user, fromKind: "user" })),
    ...idpGroups.map((group): Subject => ({ from: group, fromKind: "idpGroup" })),
    ...awsRoles.map((arn): Subject => ({ from: arn, fromKind: "awsRole" })),
    ...agents.map((agent): Subject => ({ from: `agent:${agent}`, fromKind: "agent" })),
  ];
}

function conditionsOf(rule: Rule): string[] {
  const { when, limits, loginUsers } = rule;
  return [
    ...(loginUsers ? [`as ${loginUsers.join(", ")}`] : []),
    ...(when.notBefore === undefined ? [] : [`from ${when.notBefore}`]),
    ...(when.expires === undefined ? [] : [`until ${when.expires}`]),
    ...(when.sourceCidrs ? [`source ${when.sourceCidrs.join(", ")}`] : []),
    ...(when.sni ? [`SNI ${when.sni.join(", ")}`] : []),
    ...(limits?.maxConnections === undefined ? [] : [`at most ${limits.maxConnections} connections`]),
    ...(limits?.connectionsPerMinute === undefined
      ? []
      : [`at most ${limits.connectionsPerMinute} a minute`]),
    ...(limits?.maxBytes === undefined ? [] : [`at most ${limits.maxBytes} bytes`]),
    ...(limits?.maxConnectionDuration === undefined ? [] : [`at most ${limits.maxConnectionDuration} long`]),
  ];
}
