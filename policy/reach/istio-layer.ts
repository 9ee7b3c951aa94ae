import { compilePolicies, type DataPlane, type Judge } from "../istio/authorization/index.ts";
import { namespaceOf, selects } from "../istio/authorization/select.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { formatIPv4, IPV4 } from "../sets/addresses.ts";
import { ALL_PORTS, formatPorts, PORTS, type PortSet } from "../sets/ports.ts";
import { canonical, equal, pieces, type Range, type Ranges, union } from "../sets/ranges.ts";
import { portPieces, sourceBlocks } from "./cuts.ts";
import { bypassed, EVERY_TCP_PORT } from "./mesh.ts";

/** On the pods of a gateway or waypoint: which one, as `targetRefs` of a policy name it. */
const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";

/** Stands for a destination address where it is not known (RFC 5737: no host has it). */
const SOME_ADDRESS = "192.0.2.1";

/** Who connects, as far as a proxy can tell. Use one object for one caller: answers are kept by it. */
export interface Caller {
  /** Without `spiffe://`; `null` for plaintext. */
  readonly principal: string | null;
  /** The addresses that it may have; none for an IPv6 source, which is not reported on. */
  readonly addresses: readonly Range<number>[];
}

/** What the proxy of the destination lets a caller connect to. */
export interface Admitted {
  /** From at least one of the caller's addresses; every port of the protocols that do not go through the mesh. */
  readonly ports: PortSet;
  /** Whether some of the caller's addresses are let through to fewer ports than others. */
  readonly dependsOnAddress: boolean;
}

/** The proxy before some pods, and what it has been asked. */
interface Door {
  readonly judge: Judge;
  readonly admitted: Map<Caller, Admitted>;
}

/** What Istio's security policies let through to each pod in the mesh. */
export class IstioLayer {
  readonly #policies: readonly SecurityPolicy[];
  readonly #trustDomain: string;
  readonly #rootNamespace: string;
  readonly #portPieces: readonly Range<number>[];
  readonly #doors = new Map<string, Door>();
  readonly #doorOf = new Map<Pod, Door>();
  readonly #sets = new Map<string, PortSet>();
  /** Every address that a pod may have, cut wherever a policy may treat addresses differently. */
  readonly anyAddress: readonly Range<number>[];

  constructor(policies: readonly SecurityPolicy[], trustDomain: string, rootNamespace: string) {
    this.#policies = policies;
    this.#trustDomain = trustDomain;
    this.#rootNamespace = rootNamespace;
    this.#portPieces = portPieces(policies);
    this.anyAddress = pieces(
      IPV4,
      sourceBlocks(policies).map(({ ipv4 }) => ipv4),
    );
  }

  /** What the proxy before `to` admits. Answers are kept: there are many pairs of pods, and few different ones. */
  admits(to: Pod, plane: DataPlane, caller: Caller): Admitted {
    const door = this.#door(to, plane);
    const known = door.admitted.get(caller);
    if (known !== undefined) return known;
    const perAddress = caller.addresses.map(({ low }) => this.#ports(door.judge, caller.principal, low));
    const past = bypassed(to, plane);
    const [first = EVERY_TCP_PORT] = perAddress;
    const ports = perAddress.reduce((all, some) => union(PORTS, all, some), past);
    const admitted = {
      ports: this.#intern({ ...ALL_PORTS, TCP: ports }),
      dependsOnAddress: perAddress.some(
        (some) => !equal(union(PORTS, some, past), union(PORTS, first, past)),
      ),
    };
    door.admitted.set(caller, admitted);
    return admitted;
  }

  /** Pods to which the same policies apply share a door. */
  #door(to: Pod, plane: DataPlane): Door {
    const own = this.#doorOf.get(to);
    if (own !== undefined) return own;
    const { namespace, labels } = to;
    const scope = [namespace, this.#rootNamespace];
    // Whether a policy for a gateway is for this pod, the judge finds out by the label.
    const applying = this.#policies.flatMap((policy, i) =>
      scope.includes(namespaceOf(policy)) && selects(policy.spec?.selector, { namespace, labels }) ? [i] : [],
    );
    const look = JSON.stringify([plane, namespace, applying, labels[GATEWAY_NAME], bypassed(to, plane)]);
    const door = this.#doors.get(look) ?? { judge: this.#compile(to, plane), admitted: new Map() };
    this.#doors.set(look, door);
    this.#doorOf.set(to, door);
    return door;
  }

  /** The same object for equal sets, so that what is worked out for a set is found again. */
  #intern(ports: PortSet): PortSet {
    const text = formatPorts(ports);
    const known = this.#sets.get(text) ?? ports;
    this.#sets.set(text, known);
    return known;
  }

  #compile(to: Pod, dataplane: DataPlane): Judge {
    const { namespace, labels } = to;
    const workload = {
      namespace,
      labels,
      trustDomain: this.#trustDomain,
      rootNamespace: this.#rootNamespace,
    };
    // Whether an external authorizer agrees cannot be told; the report is on who *can* reach what.
    return compilePolicies({ dataplane, policies: this.#policies, workload, authorizer: "allow" });
  }

  #ports(judge: Judge, principal: string | null, address: number): Ranges<number> {
    const source = { ip: formatIPv4(address), principal };
    const admitted = this.#portPieces.filter(
      ({ low }) => judge({ source, destination: { ip: SOME_ADDRESS, port: low } }).verdict === "allow",
    );
    return canonical(PORTS, admitted);
  }
}
