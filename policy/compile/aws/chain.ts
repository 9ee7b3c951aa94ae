import type { Finding } from "../../finding.ts";
import type { Cluster, Model, Service, Workload } from "../../model/types.ts";
import type { Compiled } from "../target.ts";
import {
  associationLink,
  permissionLink,
  securityGroupLink,
  serviceAccountLink,
  spiffeIdLink,
  trustLink,
} from "./chain-aws-links.ts";
import { chainIndex } from "./chain-index.ts";
import type { BrokenLink, ChainInput, ChainLink } from "./chain-link.ts";
import { routeLink, verdictLink } from "./chain-mesh-links.ts";
import { compileAws } from "./compile.ts";
import { makeContext } from "./context.ts";
import { type Granted, grantedWorkloads } from "./holders.ts";
import type { AwsObject } from "./objects.ts";

export { type BrokenLink, CHAIN_LINKS, type ChainLink, type ChainLinkName } from "./chain-link.ts";

/** How one workload reaches one service, link by link. */
export interface AwsChain {
  /** Name of the cluster of Trust. */
  readonly cluster: string;
  /** `namespace/name`. */
  readonly workload: string;
  /** Name of the Service. */
  readonly service: string;
  /** All of them, in the order in which {@link awsChain} names them. */
  readonly links: readonly ChainLink[];
  /** The first broken one. */
  readonly broken: BrokenLink | undefined;
}

/** What {@link awsChain} may be told beforehand. */
export interface ChainOptions {
  /** Epoch milliseconds at which the verdict is asked for. @default any: whether some connection could ever be allowed */
  readonly instant?: number;
  /** What the AWS compiler made for the cluster, to save doing it again. */
  readonly aws?: Compiled<AwsObject>;
  /** Findings of the other compilers: errors about the service break the link `route`. @default none */
  readonly findings?: readonly Finding[];
}

/**
 * The chain from a service account to a service: service account, SPIFFE ID, association, trust, permission, security group,
 * route, verdict; and the first link that is broken, with its reason and what to do.
 *
 * @throws RangeError when the model has no such workload or service.
 */
export function awsChain(
  model: Model,
  cluster: Cluster,
  workload: string | Workload,
  service: string | Service,
  options: ChainOptions = {},
): AwsChain {
  const one = typeof workload === "string" ? model.workloads.get(workload) : workload;
  const other = typeof service === "string" ? model.services.get(service) : service;
  if (!one) throw new RangeError(`no Workload ${String(workload)}`);
  if (!other) throw new RangeError(`no Service ${String(service)}`);
  return chainFinder(model, cluster, options)(one, other);
}

/** {@link awsChain} for many pairs of one cluster: what they share is looked up once. */
export function chainFinder(
  model: Model,
  cluster: Cluster,
  options: ChainOptions = {},
): (workload: Workload, service: Service) => AwsChain {
  const compiled = options.aws ?? compileAws({ model, cluster });
  const context = makeContext({ model, cluster });
  const index = chainIndex(compiled.targets);
  const errors = Map.groupBy(
    [...new Set([...compiled.findings, ...(options.findings ?? [])])].filter(
      ({ severity }) => severity === "error",
    ),
    ({ object }) => object ?? "",
  );
  const granted = new Map<Service, ReadonlyMap<string, Granted>>();
  const grantedFor = (service: Service): ReadonlyMap<string, Granted> => {
    const known = granted.get(service);
    if (known) return known;
    const found = grantedWorkloads(context, service, () => true);
    const made = new Map(found.map((one) => [one.workload.id, one]));
    granted.set(service, made);
    return made;
  };
  return (workload, service) => {
    const about = [`Workload/${workload.id}`, `Service/${service.name}`, `Trust/${model.trust.name}`];
    const findings = about.flatMap((object) => errors.get(object) ?? []);
    const input: ChainInput = {
      context,
      cluster,
      model,
      workload,
      service,
      index,
      granted: grantedFor(service).get(workload.id),
      findings,
      instant: options.instant,
    };
    const links = [
      serviceAccountLink(input),
      spiffeIdLink(input),
      associationLink(input),
      trustLink(input),
      permissionLink(input),
      securityGroupLink(input),
      routeLink(input),
      verdictLink(input),
    ];
    const broken = links.find((link) => link.state === "broken");
    return { cluster: cluster.name, workload: workload.id, service: service.name, links, broken };
  };
}
