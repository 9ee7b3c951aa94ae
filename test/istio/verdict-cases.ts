import { enforcedPorts } from "../../policy/compile/istio/authorization-rules.ts";
import { istioContext } from "../../policy/compile/istio/context.ts";
import { compileIstio } from "../../policy/compile/istio/index.ts";
import type {
  AuthorizationPolicy,
  IstioObject,
  PeerAuthentication,
} from "../../policy/compile/istio/objects.ts";
import { decide, type Verdict } from "../../policy/decide/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import type { PolicySet, TargetWorkload, TcpConnection } from "../../policy/istio/authorization/index.ts";
import { loadModel, type PolicyObject } from "../../policy/load/index.ts";
import type { Model, Service } from "../../policy/model/types.ts";
import { POOL } from "./random-policy.ts";

/** One enforcement point in the mesh with its compiled policies, and connections with the verdict that they must get. */
export interface VerdictCases {
  readonly service: Service;
  readonly set: PolicySet;
  readonly cases: readonly { readonly connection: TcpConnection; readonly expected: Verdict }[];
}

/** Loads a drawn policy set; undefined for one that is refused. */
export function tryLoad(objects: PolicyObject[]): Model | undefined {
  try {
    return loadModel({ objects });
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}

/** For every service that the mesh enforces; undefined when compiling refuses, as then nothing is deployed. */
export function verdictCases(model: Model, grouping: "service" | "grant"): VerdictCases[] | undefined {
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("a policy set without a cluster");
  const input = { model, cluster, grouping };
  const { targets, findings } = compileIstio(input);
  if (findings.some(({ severity }) => severity === "error")) return undefined;
  const policies = targets.map(({ object }) => object).filter(isPolicy);
  const context = istioContext(input);
  return [...model.services.values()].flatMap((service) => {
    const workload = enforcedAt(model, service);
    if (!workload) return [];
    const cases = service.ports.flatMap(({ port }) => {
      const [enforced = 0] = enforcedPorts(context, service, [port]);
      return connections(model, service).map(({ id, ip }) => ({
        connection: {
          source: { ip, principal: id?.replace("spiffe://", "") ?? null },
          destination: { ip: "10.9.9.9", port: enforced },
        },
        expected: decide(
          model.table,
          {
            via: "mesh",
            service: service.name,
            port,
            principal: id === undefined ? {} : { workload: id },
            sourceIp: ip,
          },
          0,
        ),
      }));
    });
    const dataplane = cluster.dataPlane === "ambient" ? "ztunnel" : "sidecar";
    return [{ service, set: { dataplane, policies, workload }, cases }];
  });
}

function isPolicy(object: IstioObject): object is AuthorizationPolicy | PeerAuthentication {
  return object.kind === "AuthorizationPolicy" || object.kind === "PeerAuthentication";
}

/** The workload whose proxy decides, as the mesh knows it. */
function enforcedAt(model: Model, service: Service): TargetWorkload | undefined {
  const { location } = service.spec;
  const { trustDomain, trustDomainAliases, rootNamespace, clusters } = model.trust.spec;
  const mesh = { trustDomain, trustDomainAliases, rootNamespace };
  if (location.type === "mesh") {
    return { namespace: location.namespace, labels: { ...location.selector, extra: "x" }, ...mesh };
  }
  const gateway = clusters[0]?.egressGateway;
  if (service.enforcement !== "gateway" || !gateway) return undefined;
  return { namespace: gateway.namespace, labels: gateway.selector, ...mesh };
}

function connections(model: Model, service: Service): { id: string | undefined; ip: string }[] {
  const identities = [
    ...[POOL.trustDomain, ...POOL.aliases, POOL.foreign].flatMap((domain) => [
      `spiffe://${domain}/ns/shop/sa/api`,
      `spiffe://${domain}/ns/batch/sa/worker`,
      `spiffe://${domain}/ns/shopping/sa/api`,
      `spiffe://${domain}/ns/ops/sa/unknown`,
    ]),
    // Not an identity of Istio's making: it is in no namespace. ztunnel does not even read it.
    ...(model.trust.spec.clusters[0]?.dataPlane === "ambient"
      ? []
      : [`spiffe://${POOL.trustDomain}/ns/shop/host/api`]),
    model.proxySpiffeId,
    // A gateway's server ends the mutual TLS itself: nobody gets to its policies without a certificate.
    ...(service.enforcement === "gateway" ? [] : [undefined]),
  ];
  return identities.flatMap((id) => POOL.addresses.map((ip) => ({ id, ip })));
}
