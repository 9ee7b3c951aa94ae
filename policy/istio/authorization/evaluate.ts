import { compileSidecar } from "./sidecar.ts";
import type { IstioVerdict, Judge, PolicySet, TcpConnection } from "./types.ts";
import { compileZtunnel } from "./ztunnel.ts";

/**
 * Reads the policies of one workload once and gives the function that decides about its connections: use it for many
 * connections to one workload.
 */
export function compilePolicies(set: PolicySet): Judge {
  switch (set.dataplane) {
    case "sidecar":
      return compileSidecar(set);
    case "ztunnel":
      return compileZtunnel(set);
  }
}

/**
 * What Istio does with one TCP connection: allowed or denied, and by which policy and rule. Policies are taken as they
 * are, ours or anybody's; what selects the workload and what not is found out here.
 *
 * @throws ConnectionError when an address of the connection is not one.
 * @example
 * evaluate({
 *   dataplane: "sidecar",
 *   policies,
 *   workload: { namespace: "shop", labels: { app: "orders-db" } },
 *   connection: {
 *     source: { ip: "10.1.0.7", principal: "cluster.local/ns/shop/sa/api" },
 *     destination: { ip: "10.1.0.9", port: 5432 },
 *   },
 * });
 */
export function evaluate(input: PolicySet & { readonly connection: TcpConnection }): IstioVerdict {
  return compilePolicies(input)(input.connection);
}
