import { decide } from "../../decide/index.ts";
import type { Via } from "../../decide/rule.ts";
import { broken, type ChainInput, type ChainLink, link, refused } from "./chain-link.ts";

/** How the connection gets to the service's enforcement point. */
export function routeLink({ cluster, service, findings }: ChainInput): ChainLink {
  const point = { workload: "its own sidecar or ztunnel", gateway: "the egress gateway", proxy: "the proxy" };
  const what = `${service.hosts[0] ?? service.name} through ${point[service.enforcement]}`;
  if (!service.clusters.includes(cluster.name)) {
    return broken(
      "route",
      what,
      `${service.name} is not reached from cluster ${cluster.name}`,
      `add ${cluster.name} to \`location.clusters\``,
      service.position,
    );
  }
  const bad = findings.find(
    ({ rule, object }) => object === `Service/${service.name}` && /^PR[25]/.test(rule),
  );
  return bad ? refused("route", what, bad) : link("route", "holds", what);
}

/** What the enforcement point says, at the instant asked for or at any. */
export function verdictLink(input: ChainInput): ChainLink {
  const { model, workload, service, instant, granted } = input;
  const via: Via = service.enforcement === "proxy" ? "proxy" : "mesh";
  if (instant === undefined) {
    if (granted) return link("verdict", "holds", `allowed by ${granted.grants.join(", ")}`);
    const deny = model.rules.find(
      (rule) =>
        rule.service === service.name &&
        rule.action === "deny" &&
        (rule.subjects.workloads.includes(workload.spiffeId) ||
          rule.subjects.namespaces.some(({ namespace }) => namespace === workload.namespace)),
    );
    return broken(
      "verdict",
      `via ${via}`,
      deny
        ? `grant ${deny.id} denies ${workload.id}, and a deny wins`
        : `no grant allows ${workload.id} to reach ${service.name}`,
      deny
        ? `remove the deny, or take ${workload.id} out of it`
        : `write a Grant from ${workload.id} to ${service.name}`,
      deny && model.grants.get(deny.id)?.position,
    );
  }
  const verdicts = service.ports.map(({ port }) =>
    decide(
      model.table,
      { via, service: service.name, port, principal: { workload: workload.spiffeId } },
      instant,
    ),
  );
  const allowed = verdicts.find(({ verdict }) => verdict === "allow");
  if (allowed) return link("verdict", "holds", `allowed by ${allowed.rules.join(", ")} via ${via}`);
  const [first] = verdicts;
  return broken(
    "verdict",
    `via ${via}`,
    `${workload.id} is denied: ${first?.reason}${first?.rule ? ` (${first.rule})` : ""}`,
    first?.reason === "denied-by-rule" && first.rule
      ? `remove the deny ${first.rule}, or take ${workload.id} out of it`
      : `write a Grant from ${workload.id} to ${service.name}`,
    first?.position,
  );
}
