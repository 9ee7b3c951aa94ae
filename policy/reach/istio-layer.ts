import { compilePolicies, type DataPlane, type Judge } from "../istio/authorization/index.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { formatIPv4, IPV4 } from "../sets/addresses.ts";
import { PORTS } from "../sets/ports.ts";
import { canonical, equal, pieces, type Range, type Ranges, union } from "../sets/ranges.ts";
import { portPieces, sourceBlocks } from "./cuts.ts";
import { bypassed, EVERY_TCP_PORT } from "./mesh.ts";

/** Stands for a destination address where it is not known (RFC 5737: no host has it). */
const SOME_ADDRESS = "192.0.2.1";

/** Who connects, as far as a proxy can tell. */
export interface Caller {
  /** Without `spiffe://`; `null` for plaintext. */
  readonly principal: string | null;
  /** The addresses that it may have; none for an IPv6 source, which is not reported on. */
  readonly addresses: readonly Range<number>[];
}

/** TCP ports that the proxy of the destination lets a caller connect to. */
export interface Admitted {
  /** From at least one of the caller's addresses. */
  readonly ports: Ranges<number>;
  /** Whether some of the caller's addresses are let through to fewer ports than others. */
  readonly dependsOnAddress: boolean;
}

/** What Istio's security policies let through to each pod in the mesh. */
export class IstioLayer {
  readonly #policies: readonly SecurityPolicy[];
  readonly #trustDomain: string;
  readonly #rootNamespace: string;
  readonly #portPieces: readonly Range<number>[];
  readonly #judges = new Map<string, Judge>();
  readonly #admitted = new Map<string, Admitted>();
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

  /** What the proxy before `to` admits. Answers are kept: pods of one look and one service account ask the same. */
  admits(to: Pod, plane: DataPlane, caller: Caller): Admitted {
    const pod = JSON.stringify([plane, to.namespace, to.labels, to.annotations]);
    const key = `${pod} ${caller.principal} ${caller.addresses.map(({ low }) => low).join()}`;
    const known = this.#admitted.get(key);
    if (known !== undefined) return known;
    const judge = this.#judges.get(pod) ?? this.#compile(to, plane);
    this.#judges.set(pod, judge);
    const perAddress = caller.addresses.map(({ low }) => this.#ports(judge, caller.principal, low));
    const past = bypassed(to, plane);
    const [first = EVERY_TCP_PORT] = perAddress;
    const admitted = {
      ports: perAddress.reduce((all, ports) => union(PORTS, all, ports), past),
      dependsOnAddress: perAddress.some(
        (ports) => !equal(union(PORTS, ports, past), union(PORTS, first, past)),
      ),
    };
    this.#admitted.set(key, admitted);
    return admitted;
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
