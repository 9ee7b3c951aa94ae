import { compileIstio } from "../compile/istio/index.ts";
import { decide } from "../decide/index.ts";
import type { Finding, Position } from "../finding.ts";
import { compilePolicies, type Judge } from "../istio/authorization/index.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { loadModel, type PolicyObject } from "../load/index.ts";
import { sortedSet } from "../model/canonical.ts";
import type { Model } from "../model/types.ts";
import type { Caller, Callers } from "./callers.ts";
import type { Destination } from "./destinations.ts";
import { Differences, FRESH, type Judged } from "./differences.ts";
import type { ExternalDestination } from "./external.ts";
import type { Regions } from "./regions.ts";
import { isCustom, type Today } from "./today.ts";
import type { Difference, Mesh } from "./types.ts";

export interface CheckInput {
  readonly documents: readonly PolicyObject[];
  readonly destinations: readonly Destination[];
  /** Services that keep today's AuthorizationPolicies; what holds for a whole namespace reaches them too. */
  readonly leftOut: readonly Destination[];
  readonly externals: readonly ExternalDestination[];
  readonly security: readonly SecurityPolicy[];
  readonly callers: Callers;
  readonly regions: Regions;
  readonly today: Today;
  readonly mesh: Mesh;
  readonly describe: (rule: string) => string;
  readonly positionOf: (rule: string) => Position | undefined;
}

export interface CheckResult {
  readonly differences: readonly Difference[];
  readonly findings: readonly Finding[];
  readonly compared: number;
}

/** Verdicts do not depend on time: an imported grant has no expiry. */
const ANY_TIME = 0;

/** Stands for a destination address: what is compiled never asks for one. */
const SOME_ADDRESS = "192.0.2.1";

/**
 * Judges connections twice: by today's objects, and by the imported documents, both as the model decides and as Istio would
 * decide with what they compile to. Drawn are all known identities, unknown ones, plaintext, and both ends of each range of
 * addresses that some policy tells apart, to each pod and port.
 */
export function checkImport(input: CheckInput): CheckResult {
  const model = loadModel({ objects: input.documents });
  const [cluster] = model.trust.spec.clusters;
  if (cluster === undefined) throw new RangeError("unreachable: the imported Trust has a cluster");
  const compiled = compileIstio({ model, cluster });
  const policies = compiled.targets.flatMap(({ object }): SecurityPolicy[] =>
    object.kind === "AuthorizationPolicy" || object.kind === "PeerAuthentication" ? [object] : [],
  );
  const check = new Check(input, model, policies);
  for (const destination of input.destinations) check.inMesh(destination);
  for (const destination of input.leftOut) check.leftOut(destination);
  for (const external of input.externals) check.external(external);
  return {
    differences: check.differences(),
    findings: compiled.findings.filter(({ severity }) => severity === "error"),
    compared: check.compared,
  };
}

class Check {
  compared = 0;
  readonly #input: CheckInput;
  readonly #model: Model;
  readonly #policies: readonly SecurityPolicy[];
  /** Today's AuthorizationPolicies under the mutual TLS of the imported documents. */
  readonly #kept: readonly SecurityPolicy[];
  readonly #judges = new Map<string, Judge>();
  readonly #differences: Differences;
  readonly #callers: readonly (Caller | null)[];
  /** Each address that is asked about, with its region. */
  readonly #addresses: readonly { readonly ip: string; readonly region: number }[];

  constructor(input: CheckInput, model: Model, policies: readonly SecurityPolicy[]) {
    this.#input = input;
    this.#model = model;
    this.#policies = policies;
    this.#kept = [
      ...input.security.filter((policy) => policy.kind === "AuthorizationPolicy" && !isCustom(policy)),
      ...policies.filter((policy) => policy.kind === "PeerAuthentication"),
    ];
    const { callers, regions } = input;
    this.#differences = new Differences(input);
    this.#callers = [
      null,
      ...callers.named,
      ...callers.otherAccounts,
      ...callers.otherNamespaces,
      ...callers.namespaces.map(
        (namespace): Caller => ({ namespace, account: FRESH, kind: "other account" }),
      ),
      { namespace: FRESH, account: FRESH, kind: "other namespace" },
    ];
    this.#addresses = [regions.first, regions.last].flatMap((list) =>
      list.map((ip, region) => ({ ip, region })),
    );
  }

  inMesh(destination: Destination): void {
    for (const pod of destination.pods) {
      for (const { port, targetPort } of destination.ports)
        this.#port({ service: destination.name, port, targetPort, pod });
      for (const port of this.#uncovered(pod))
        this.#port({ service: `${destination.name} (container port)`, targetPort: port, pod });
    }
  }

  leftOut({ namespace, serviceName, ports, pods }: Destination): void {
    // Pods of an imported Service are judged with it.
    const imported = this.#input.destinations.flatMap((destination) => destination.pods);
    const service = `${namespace}/${serviceName} (left as it is)`;
    for (const pod of pods.filter((each) => !imported.includes(each)))
      for (const { targetPort } of ports) this.#port({ service, targetPort, pod, policies: this.#kept });
  }

  external({ name, spec, gateway, visibleIn }: ExternalDestination): void {
    const via = spec.location.type === "external" && spec.location.egress === "gateway" ? "mesh" : "proxy";
    for (const written of spec.ports) {
      const port = typeof written === "number" ? written : written.port;
      for (const caller of this.#callers) {
        if (caller === null) continue;
        const seen = visibleIn === undefined || visibleIn.includes(caller.namespace);
        for (const { ip, region } of this.#addresses) {
          const at = gateway?.ports.get(port);
          const pods = at === undefined ? [] : (gateway?.at.pods ?? []);
          const judged = pods.flatMap((pod) => this.#input.today.verdicts(pod, at ?? port, caller, ip));
          const refused = judged.find(({ allowed }) => !allowed);
          const [verdict = { allowed: true, by: undefined }] = refused ? [refused] : judged;
          const after = this.#decide(name, port, caller, ip, via);
          this.#compare({
            service: name,
            port,
            caller,
            region,
            before: seen && verdict.allowed,
            after: [after],
            by: verdict.by,
          });
        }
      }
    }
  }

  differences(): Difference[] {
    return this.#differences.list();
  }

  /** Container ports to which no imported Service leads: closed as soon as one Service of the pod is imported. */
  #uncovered(pod: Pod): number[] {
    const covered = this.#input.destinations
      .filter(({ pods }) => pods.includes(pod))
      .flatMap(({ ports }) => ports.map(({ targetPort }) => targetPort));
    return sortedSet(
      pod.ports
        .filter(({ protocol, port }) => protocol === "TCP" && !covered.includes(port))
        .map(({ port }) => port),
    );
  }

  #port(asked: {
    readonly service: string;
    /** Port as clients use it; without one the model has no verdict, only what it compiles to. */
    readonly port?: number;
    readonly targetPort: number;
    readonly pod: Pod;
    readonly policies?: readonly SecurityPolicy[];
  }): void {
    const { mesh, today } = this.#input;
    const { service, port, targetPort, pod } = asked;
    const judge = this.#judge(pod, asked.policies ?? this.#policies);
    for (const caller of this.#callers) {
      const domains = caller === null ? [mesh.trustDomain] : [mesh.trustDomain, ...mesh.aliases];
      for (const domain of domains) {
        for (const { ip, region } of this.#addresses) {
          const principal = caller && `${domain}/ns/${caller.namespace}/sa/${caller.account}`;
          const connection = {
            source: { ip, principal },
            destination: { ip: SOME_ADDRESS, port: targetPort },
          };
          const compiled = judge(connection).verdict === "allow";
          const decided =
            port === undefined ? compiled : this.#decide(service, port, caller, ip, "mesh", domain);
          for (const { allowed, partly, by } of today.verdicts(pod, targetPort, caller, ip, domain)) {
            this.#compare({
              service,
              port: port ?? targetPort,
              caller,
              region,
              before: allowed || partly,
              after: [decided, compiled],
              by,
            });
          }
        }
      }
    }
  }

  #decide(
    service: string,
    port: number,
    caller: Caller | null,
    sourceIp: string,
    via: "mesh" | "proxy",
    domain: string = this.#input.mesh.trustDomain,
  ): boolean {
    const workload = caller && `spiffe://${domain}/ns/${caller.namespace}/sa/${caller.account}`;
    const principal = workload === null ? {} : { workload };
    return (
      decide(this.#model.table, { via, service, port, principal, sourceIp }, ANY_TIME).verdict === "allow"
    );
  }

  #judge({ namespace, labels }: Pod, policies: readonly SecurityPolicy[]): Judge {
    const key = JSON.stringify([namespace, labels, policies === this.#kept]);
    const { mesh } = this.#input;
    const judge =
      this.#judges.get(key) ??
      compilePolicies({
        dataplane: mesh.dataPlane,
        policies,
        workload: {
          namespace,
          labels,
          trustDomain: mesh.trustDomain,
          trustDomainAliases: mesh.aliases,
          rootNamespace: mesh.rootNamespace,
        },
      });
    this.#judges.set(key, judge);
    return judge;
  }

  #compare(judged: Judged): void {
    this.compared++;
    this.#differences.add(judged);
  }
}
