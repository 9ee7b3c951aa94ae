import { compareText } from "../../finding.ts";
import { sortedSet } from "../../model/canonical.ts";
import type { Workload } from "../../model/types.ts";
import { awsEndpointHosts, credentialEndpoints, serviceEndpoints } from "../../plan/aws-endpoints.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import { routableHosts } from "./hosts.ts";
import type { IstioObject } from "./objects.ts";

/**
 * Hosts of AWS that a workload calls for its credentials and secrets, and that no service of its grants leads to: its sidecar
 * lets out only what it knows, and without them the SDK gets no credentials.
 */
export function awsHosts(context: IstioContext, workload: Workload): string[] {
  const reached = context.reached.get(workload.id) ?? [];
  const region = workload.spec.aws?.region ?? context.cluster.eks?.region;
  const names = [
    ...credentialEndpoints(workload),
    ...reached.flatMap((service) => serviceEndpoints(workload, service)),
  ];
  const routed = new Set(reached.flatMap(routableHosts));
  return sortedSet(names.flatMap((name) => awsEndpointHosts(name, region))).filter(
    (host) => !routed.has(host),
  );
}

/** One ServiceEntry a namespace and host, seen in that namespace only: a host twice would be two clusters of one name. */
export function awsEndpointEntries(context: IstioContext): Target<IstioObject>[] {
  if (context.cluster.dataPlane === "ambient" || context.grouping === "grant") return [];
  const callers = [...context.workloads.values()]
    .filter((workload) => workload.spec.selector)
    .flatMap((workload) => awsHosts(context, workload).map((host) => ({ workload, host })));
  const byEntry = Map.groupBy(callers, ({ workload, host }) => `${workload.namespace}/${host}`);
  return [...byEntry]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([, [first, ...others]]) => (first ? [entry(first.host, [first, ...others])] : []));
}

function entry(host: string, callers: readonly { readonly workload: Workload }[]): Target<IstioObject> {
  const namespace = callers[0]?.workload.namespace ?? "";
  const causes = callers.map(({ workload }) => `Workload/${workload.id}`);
  return emit("MeshGuards", "guards", causes, {
    apiVersion: NETWORKING,
    kind: "ServiceEntry",
    metadata: { name: host, namespace, labels: labelsOf(undefined, "guards") },
    spec: {
      hosts: [host],
      // By server name: the SDK's TLS passes as it is.
      ports: [{ number: 443, name: "tls-aws", protocol: "TLS" }],
      location: "MESH_EXTERNAL",
      resolution: "DNS",
      exportTo: ["."],
    },
  });
}
