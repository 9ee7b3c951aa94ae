import { sortedSet } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import type { Rule, Workload } from "../../model/types.ts";
import { credentialEndpoints, serviceEndpoints } from "../../plan/aws-endpoints.ts";
import { findingAt } from "../report.ts";
import { managedLabels, type Target } from "../target.ts";
import { type Context, kubeTarget } from "./context.ts";
import { type Destination, destinations } from "./destinations.ts";
import { toApiServer, toAwsEndpoints, toDns, toIstiod, toPodIdentityAgent } from "./essentials.ts";
import type { Labels, NetworkPolicy, NetworkPolicyEgress } from "./objects.ts";
import { groupByPorts } from "./peers.ts";

/**
 * Where the pods of each workload may go: what its grants lead to, and what every pod needs (DNS, istiod, credentials).
 *
 * A workload without a selector gets none: a policy for its whole namespace would cut off pods that Portreeve knows nothing
 * about. The mesh's verdict still holds for it.
 */
export function egressPolicies(context: Context): Target<NetworkPolicy>[] {
  const { model, cluster, grouping } = context;
  const all = destinations(context, () => true);
  const targets: Target<NetworkPolicy>[] = [];
  for (const workload of model.workloads.values()) {
    if (!workload.clusters.includes(cluster.name)) continue;
    const { selector } = workload.spec;
    if (!selector) {
      context.findings.push(
        findingAt(
          "PR513",
          "info",
          blamed(workload),
          `${workload.id} has no selector, so no NetworkPolicy restricts where its pods may connect`,
          "set `selector` to the labels of its pods",
        ),
      );
      continue;
    }
    const granted = grouping === "service" ? (all.get(workload.id) ?? []) : [];
    const egress = [
      ...essentials(context, workload),
      ...awsEndpoints(context, workload, [
        ...credentialEndpoints(workload),
        ...secretEndpoints(context, workload, granted),
      ]),
      ...egressRules(granted),
    ];
    const services = granted.map(({ service }) => `Service/${service}`);
    const object = policy(
      workload,
      selector,
      joinName(["portreeve", workload.name, "egress"]),
      workloadLabel(workload),
      egress,
    );
    targets.push(
      kubeTarget("WorkloadIdentity", workload.id, [`Workload/${workload.id}`, ...services], object),
    );
  }
  return grouping === "service" ? targets : [...targets, ...grantPolicies(context)];
}

/**
 * One policy for each grant and workload, which add up with the workload's own. The dot in their names keeps grant and
 * workload apart: neither name can hold one.
 */
function grantPolicies(context: Context): Target<NetworkPolicy>[] {
  const grants = context.model.rules.filter((rule) => rule.source === "grant" && rule.action === "allow");
  return [...Map.groupBy(grants, (rule) => rule.id)].flatMap(([grant, rules]) => {
    const services = [...new Set(rules.map((rule) => rule.service))].flatMap(
      (name) => context.model.services.get(name) ?? [],
    );
    const ofGrant = (rule: Rule) => rule.source === "grant" && rule.id === grant;
    const reached = destinations(context, ofGrant, services);
    return [...reached].flatMap(([id, to]) => {
      const workload = context.model.workloads.get(id);
      const selector = workload?.spec.selector;
      if (!workload || !selector) return [];
      const object = policy(workload, selector, `portreeve-${grant}.${workload.name}-egress`, grant, [
        ...awsEndpoints(context, workload, secretEndpoints(context, workload, to)),
        ...egressRules(to),
      ]);
      const causes = [`Grant/${grant}`, `Workload/${id}`, ...to.map(({ service }) => `Service/${service}`)];
      return [kubeTarget("AccessPolicy", grant, causes, object)];
    });
  });
}

function egressRules(to: readonly Destination[]): NetworkPolicyEgress[] {
  return groupByPorts(to).map(({ peers, ports }) => ({ to: peers, ports }));
}

function essentials(context: Context, workload: Workload): NetworkPolicyEgress[] {
  const { model, cluster } = context;
  const egress = [toDns(cluster)];
  if (cluster.dataPlane === "sidecar") egress.push(toIstiod(model));
  if (workload.spec.needs.includes("api-server")) {
    if (cluster.apiServerCidrs.length > 0) egress.push(toApiServer(cluster));
    else {
      context.findings.push(
        findingAt(
          "PR514",
          "warning",
          blamed(workload),
          `${workload.id} needs the API server, and Trust does not say at which addresses cluster ${cluster.name} has it`,
          "set `apiServerCidrs` (and `apiServerPort`) of the cluster",
        ),
      );
    }
  }
  const { aws } = workload.spec;
  if (aws?.mode === "pod-identity") egress.push(toPodIdentityAgent());
  return egress;
}

function secretEndpoints(context: Context, workload: Workload, to: readonly Destination[]): string[] {
  return to.flatMap(({ service: name }) => {
    const service = context.model.services.get(name);
    return service ? serviceEndpoints(workload, service) : [];
  });
}

function awsEndpoints(context: Context, workload: Workload, names: readonly string[]): NetworkPolicyEgress[] {
  const endpoints = sortedSet(names);
  if (endpoints.length === 0) return [];
  const { model, cluster } = context;
  const region = workload.spec.aws?.region ?? cluster.eks?.region;
  const { egress, named } = toAwsEndpoints(model, endpoints, region);
  if (!named) {
    context.findings.push(
      findingAt(
        "PR515",
        "info",
        blamed(workload),
        `${workload.id} calls ${endpoints.join(" and ")} of AWS over HTTPS, which has no fixed addresses: its NetworkPolicy lets port 443 through to any address outside`,
        `define ${endpoints[0]}.REGION.amazonaws.com as an external Service with \`resolution: static\` and the addresses of its VPC endpoint in \`endpoints\`${workload.spec.aws?.mode === "irsa" ? ", or use Pod Identity" : ""}`,
      ),
    );
  }
  return [egress];
}

function policy(
  workload: Workload,
  selector: Labels,
  name: string,
  subject: string,
  egress: readonly NetworkPolicyEgress[],
): NetworkPolicy {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name,
      namespace: workload.namespace,
      labels: { ...workload.labels, ...managedLabels(subject) },
    },
    spec: { podSelector: { matchLabels: selector }, policyTypes: ["Egress"], egress },
  };
}

/** A workload's id as a label may hold it. */
export function workloadLabel(workload: Workload): string {
  return joinName([workload.namespace, workload.name]);
}

function blamed(workload: Workload): { kind: "Workload"; id: string; position: Workload["position"] } {
  return { kind: "Workload", id: workload.id, position: workload.position };
}
