import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { POOL, randomPolicy } from "../../../test/istio/random-policy.ts";
import { decide } from "../../decide/index.ts";
import { PolicyError } from "../../finding.ts";
import { compilePolicies, type DataPlane, type TargetWorkload } from "../../istio/authorization/index.ts";
import { loadModel, type PolicyObject } from "../../load/index.ts";
import type { Model, Service } from "../../model/types.ts";
import { enforcedPorts } from "./authorization-rules.ts";
import { istioContext } from "./context.ts";
import { compileIstio } from "./index.ts";
import type { AuthorizationPolicy, IstioObject, PeerAuthentication } from "./objects.ts";

/**
 * The objects that are emitted, read by the evaluator of Istio objects, say what `decide` says.
 *
 * Not proven here: that the evaluator reads objects as Istio does (test/truth compares it with Istio itself), and what
 * happens before a policy is asked (routing, the TLS handshake).
 */
describe.each(["service", "grant"] as const)(
  "grouped by %s, compiled policies give the verdict of decide",
  (grouping) => {
    test("for random policies and connections, on sidecar, ztunnel and gateway", () => {
      const seen = { allow: 0, deny: 0, gateway: 0, plaintext: 0, refused: 0 };
      fc.assert(
        fc.property(randomPolicy, (objects) => {
          const model = tryLoad(objects);
          const cluster = model?.trust.spec.clusters[0];
          if (!model || !cluster) return;
          const { targets, findings } = compileIstio({ model, cluster, grouping });
          if (findings.some(({ severity }) => severity === "error")) {
            seen.refused++;
            return;
          }
          const policies = targets.map(({ object }) => object).filter(isPolicy);
          const context = istioContext({ model, cluster, grouping });
          const dataplane: DataPlane = cluster.dataPlane === "ambient" ? "ztunnel" : "sidecar";
          for (const service of model.services.values()) {
            const workload = enforcedAt(model, service);
            if (!workload) continue;
            const judge = compilePolicies({ dataplane, policies, workload });
            for (const { port } of service.ports) {
              const [enforced = 0] = enforcedPorts(context, service, [port]);
              for (const connection of connections(model, service)) {
                const expected = decide(
                  model.table,
                  { via: "mesh", service: service.name, port, ...connection },
                  0,
                );
                const id = connection.principal.workload;
                const made = judge({
                  source: { ip: connection.sourceIp, principal: id?.replace("spiffe://", "") ?? null },
                  destination: { ip: "10.9.9.9", port: enforced },
                });
                // The matcher is slow, and there are some hundred thousand comparisons.
                if (made.verdict !== expected.verdict) {
                  const { verdict, reason } = expected;
                  expect({ service: service.name, port, ...connection, ...made, reason }).toMatchObject({
                    verdict,
                  });
                }
                seen[expected.verdict]++;
                if (service.enforcement === "gateway") seen.gateway++;
                if (id === undefined && expected.verdict === "allow") seen.plaintext++;
              }
            }
          }
        }),
        { numRuns: 300 },
      );
      // A generator that never allows, or never gets to a gateway, would prove nothing.
      for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
    });
  },
);

function tryLoad(objects: PolicyObject[]): Model | undefined {
  try {
    return loadModel({ objects });
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
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

function* connections(model: Model, service: Service) {
  const identities = [
    ...[POOL.trustDomain, ...POOL.aliases, POOL.foreign].flatMap((domain) => [
      `spiffe://${domain}/ns/shop/sa/api`,
      `spiffe://${domain}/ns/batch/sa/worker`,
      `spiffe://${domain}/ns/shopping/sa/api`,
      `spiffe://${domain}/ns/ops/sa/unknown`,
    ]),
    model.proxySpiffeId,
    // A gateway's server ends the mutual TLS itself: nobody gets to its policies without a certificate.
    ...(service.enforcement === "gateway" ? [] : [undefined]),
  ];
  for (const workload of identities) {
    for (const sourceIp of POOL.addresses) {
      yield { principal: workload === undefined ? {} : { workload }, sourceIp };
    }
  }
}
