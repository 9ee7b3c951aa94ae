import type { Service, Workload } from "../model/types.ts";
import { proxyLogsIn } from "./proxy-login.ts";

/** DNS names of an AWS service's endpoint in a region, e.g. `sts`. */
export function awsEndpointHosts(service: string, region: string | undefined): string[] {
  if (region === undefined) return [];
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return [`${service}.${region}.${domain}`];
}

/** The AWS services whose endpoints a workload calls to get credentials. Pod Identity asks an agent on its node instead. */
export function credentialEndpoints(workload: Workload): string[] {
  const { aws } = workload.spec;
  const chain = aws?.assume === undefined ? [] : ["sts"];
  switch (aws?.mode) {
    case "irsa":
      return ["sts"];
    case "roles-anywhere":
      return ["rolesanywhere", ...chain];
    case "pod-identity":
      return chain;
    case undefined:
      return [];
  }
}

/** The AWS services whose endpoints a workload calls because of a service that it may reach. */
export function serviceEndpoints(workload: Workload, service: Service): string[] {
  const reads =
    workload.spec.aws !== undefined && service.spec.aws?.secret !== undefined && !proxyLogsIn(service);
  return reads ? ["secretsmanager"] : [];
}
