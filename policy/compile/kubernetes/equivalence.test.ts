import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { POOL, randomPolicy } from "../../../test/istio/random-policy.ts";
import { buildTable, type DecisionTable, decide, type Via } from "../../decide/index.ts";
import { PolicyError } from "../../finding.ts";
import { reach } from "../../kubernetes/reach/index.ts";
import { loadModel, type PolicyObject } from "../../load/index.ts";
import { acceptsPlaintext } from "../../model/resolve.ts";
import type { Model, Service, Workload } from "../../model/types.ts";
import { planGatewayPorts } from "../../plan/gateway-ports.ts";
import { planListenerPorts, servicePortKey } from "../../plan/listener-ports.ts";
import { hasPort, NO_PORTS, type PortSet } from "../../sets/ports.ts";
import { compileKubernetes } from "./compile.ts";

/**
 * The emitted NetworkPolicies, read by the evaluator of NetworkPolicy, let through what `decide` allows, and nothing that
 * no connection of those two could be allowed.
 *
 * The lower bound asks `decide` for connections from many addresses. The upper bound asks it with the conditions that no
 * IP rule can express taken out (an allow's source addresses, a deny that holds for some connections only).
 *
 * Not proven here: that a network plugin does what the evaluator says (test/reach compares it with a packet-by-packet
 * reference), and egress to DNS, istiod and AWS.
 */
describe.each(["service", "grant"] as const)("grouped by %s, NetworkPolicies", (grouping) => {
  test("let through what the verdict allows, and are as narrow as an IP rule can be", () => {
    const seen = { open: 0, closed: 0, proxy: 0, gateway: 0, ambient: 0 };
    fc.assert(
      fc.property(randomPolicy, (objects) => {
        const model = tryLoad(objects);
        if (!model) return;
        const world = new World(model, grouping);
        for (const workload of model.workloads.values()) {
          for (const service of model.services.values()) {
            for (const { port } of service.ports) {
              for (const via of ["mesh", "proxy"] as const) {
                const path = world.path(service, port, via);
                if (!path) continue;
                const got = world.reaches(workload.id, path.pod, path.port);
                const asked = { from: workload.id, to: service.name, port, via };
                if (world.verdict(model.table, workload, service, port, via)) {
                  expect({ ...asked, got }).toEqual({ ...asked, got: true });
                  seen.open++;
                  if (path.pod.startsWith("portreeve/")) seen.proxy++;
                  if (path.pod.startsWith("istio-system/")) seen.gateway++;
                  if (path.port === 15_008) seen.ambient++;
                }
                // Without selectors nothing restricts egress, and pods of one namespace are one.
                if (workload.spec.selector && !world.mayPass(workload, path)) {
                  expect({ ...asked, got }).toEqual({ ...asked, got: false });
                  seen.closed++;
                }
              }
            }
          }
        }
      }),
      { numRuns: 250 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });

  test("let the proxy through to the services that it guards, and to no other", () => {
    const seen = { open: 0, closed: 0 };
    fc.assert(
      fc.property(randomPolicy, (objects) => {
        const model = tryLoad(objects);
        if (!model) return;
        const world = new World(model, grouping);
        if (!world.hasProxy) return;
        for (const service of model.services.values()) {
          for (const { port } of service.ports) {
            const path = world.path(service, port, "mesh");
            if (service.enforcement !== "workload" || !path) continue;
            const guarded = model.rules.some(
              (rule) =>
                rule.source === "admission" && rule.service === service.name && rule.ports.includes(port),
            );
            const got = world.reaches("portreeve/proxy", path.pod, path.port);
            if (guarded) {
              expect({ service: service.name, port, got }).toEqual({
                service: service.name,
                port,
                got: true,
              });
              seen.open++;
            } else if (!world.anyMayPass(path)) {
              expect({ service: service.name, port, got }).toEqual({
                service: service.name,
                port,
                got: false,
              });
              seen.closed++;
            }
          }
        }
      }),
      { numRuns: 200 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});

/** The default of `proxy.connectPort`. */
const CONNECT_PORT = 8_443;

interface Path {
  /** `namespace/name` of the pod that is connected to. */
  readonly pod: string;
  readonly port: number;
}

/** A cluster with one pod for each workload, service, proxy and gateway, under the emitted policies. */
class World {
  readonly model: Model;
  readonly hasProxy: boolean;
  readonly #ports = new Map<string, PortSet>();
  readonly #relaxed: DecisionTable;

  constructor(model: Model, grouping: "service" | "grant") {
    this.model = model;
    const cluster = model.trust.spec.clusters[0];
    if (!cluster) throw new Error("no cluster");
    const { targets } = compileKubernetes({ model, cluster, grouping }, new Map());
    const policies = targets.map(({ object }) => object).filter(({ kind }) => kind === "NetworkPolicy");
    this.hasProxy = targets.some(({ object }) => object.kind === "Deployment");
    const pods = [
      ...[...model.workloads.values()].map((workload) =>
        pod(workload.namespace, workload.name, workload.spec.selector ?? { app: `any-${workload.name}` }),
      ),
      ...[...model.services.values()].flatMap(({ name, spec }) =>
        spec.location.type === "mesh"
          ? [pod(spec.location.namespace, `pod-of-${name}`, spec.location.selector)]
          : [],
      ),
      pod("portreeve", "proxy", { "app.kubernetes.io/name": "portreeve-proxy", "portreeve.dev/shard": "0" }),
      pod("istio-system", "gateway", { istio: "egressgateway" }),
    ];
    for (const { src, dst, ports } of reach([...pods, ...policies])) this.#ports.set(`${src}>${dst}`, ports);
    this.#relaxed = relaxed(model);
  }

  reaches(from: string, to: string, port: number): boolean {
    return hasPort(this.#ports.get(`${from}>${to}`) ?? NO_PORTS, "TCP", port);
  }

  /** Where a connection to a port of a service goes as the network sees it; undefined where there is no such way. */
  path(service: Service, port: number, via: Via): Path | undefined {
    const ambient = this.model.trust.spec.clusters[0]?.dataPlane === "ambient";
    const { location } = service.spec;
    const key = servicePortKey(service.name, port);
    if (via === "proxy") {
      if (service.enforcement !== "proxy") {
        return this.hasProxy ? { pod: "portreeve/proxy", port: CONNECT_PORT } : undefined;
      }
      return { pod: "portreeve/proxy", port: planListenerPorts(this.model).get(key) ?? 0 };
    }
    if (location.type === "mesh") {
      const target = service.ports.find((candidate) => candidate.port === port)?.targetPort ?? 0;
      const direct = !ambient || acceptsPlaintext(service);
      return { pod: `${location.namespace}/pod-of-${service.name}`, port: direct ? target : 15_008 };
    }
    if (service.enforcement !== "gateway") return undefined;
    return {
      pod: "istio-system/gateway",
      port: ambient ? 15_008 : (planGatewayPorts(this.model).get(key) ?? 0),
    };
  }

  /** True when some connection of the workload is allowed. */
  verdict(table: DecisionTable, workload: Workload, service: Service, port: number, via: Via): boolean {
    return POOL.addresses.some(
      (sourceIp) =>
        decide(
          table,
          { via, service: service.name, port, principal: { workload: workload.spiffeId }, sourceIp },
          0,
        ).verdict === "allow",
    );
  }

  /**
   * True when some grant may lead the workload to that port of that pod: policies of several services meet on pods that all
   * of them select, and ports meet on the HBONE port.
   */
  mayPass(workload: Workload, path: Path): boolean {
    return [...this.#leadingTo(path)].some(([service, port, via]) =>
      this.verdict(this.#relaxed, workload, service, port, via),
    );
  }

  anyMayPass(path: Path): boolean {
    return [...this.#leadingTo(path)].some(([service, port]) =>
      this.model.rules.some(
        (rule) =>
          rule.service === service.name &&
          rule.ports.includes(port) &&
          (rule.source === "admission" || rule.subjects.cidrs.length > 0),
      ),
    );
  }

  *#leadingTo(path: Path): Generator<[Service, number, Via]> {
    for (const service of this.model.services.values()) {
      for (const { port } of service.ports) {
        for (const via of ["mesh", "proxy"] as const) {
          const other = this.path(service, port, via);
          if (!other || !this.#samePod(other.pod, path.pod)) continue;
          // The shared port leads to every service; ztunnel's port stands beside the pod's own where that takes plaintext.
          const shared = path.port === 15_008 || (via === "proxy" && path.port === CONNECT_PORT);
          if (other.port === path.port || shared) yield [service, port, via];
        }
      }
    }
  }

  /** True when policies for the pods of `of` select the pod `it`. */
  #samePod(of: string, it: string): boolean {
    if (of === it) return true;
    const [ofService, itService] = [this.#serviceOf(of), this.#serviceOf(it)];
    if (!ofService || !itService || ofService.namespace !== itService.namespace) return false;
    return Object.entries(ofService.selector).every(([key, value]) => itService.selector[key] === value);
  }

  #serviceOf(name: string): { namespace: string; selector: Record<string, string> } | undefined {
    const service = this.model.services.get(name.split("/pod-of-")[1] ?? "");
    return service?.spec.location.type === "mesh" ? service.spec.location : undefined;
  }
}

/** The policies without what an IP rule cannot say. */
function relaxed(model: Model): DecisionTable {
  const { trustDomain, trustDomainAliases } = model.trust.spec;
  return buildTable({
    trustDomain,
    trustDomainAliases,
    services: [...model.services.values()].map((service) => ({
      name: service.name,
      ports: service.ports.map(({ port }) => port),
      strict: !acceptsPlaintext(service),
    })),
    rules: model.rules
      .filter(({ action, when }) => action === "allow" || Object.keys(when).length === 0)
      .map((rule) => ({ ...rule, when: {} })),
    agents: [],
  });
}

function pod(namespace: string, name: string, labels: Readonly<Record<string, string>>): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels }, spec: { containers: [] } };
}

function tryLoad(objects: PolicyObject[]): Model | undefined {
  try {
    return loadModel({ objects });
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
