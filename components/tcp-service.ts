import * as pulumi from "@pulumi/pulumi";
import { callerPosition, setPosition } from "../policy/load/object.ts";
import type { Service } from "../policy/model/types.ts";
import { API_VERSION, type DocumentInput, type ServiceSpecInput } from "../policy/schema/index.ts";
import { AccessPolicy, type AccessPolicyOptions, type Grantee } from "./access-policy.ts";
import { type ComponentArgs, splitArgs, trustDocument } from "./component-args.ts";
import { FromSet } from "./from-set.ts";
import { captureLeaves, type LeafInput, type Refs, refName } from "./leaves.ts";
import { lowerTargets } from "./lower/index.ts";
import { resolveText } from "./lower/text.ts";
import { openPolicySet, type PolicySet, targetsOf } from "./policy-set.ts";

/** Arguments of {@link TcpService}: the spec of a Service, whose text leaves may be Outputs. */
export type TcpServiceArgs = ComponentArgs &
  LeafInput<ServiceSpecInput> & {
    /** Name of the Service. @default the component's name */
    readonly name?: string;
  };

/**
 * A narrow TCP destination: its routing, its limits, and deny by default. Grants open it.
 *
 * @example
 * ```ts
 * const ordersDb = new TcpService("orders-db", {
 *   trust: "policies/trust.yaml", protocol: "postgres", hosts: [db.endpoint], ports: [5432], location: { type: "external" },
 * });
 * ordersDb.allowFrom(api, { ports: [5432] });
 * ```
 * @throws PolicyError with every problem at once.
 */
export class TcpService extends pulumi.ComponentResource {
  /** Name of the Service. */
  readonly serviceName: string;
  /** DNS name that clients use. */
  readonly host: pulumi.Output<string>;
  /** Ports that clients use. */
  readonly ports: pulumi.Output<number[]>;
  /** Where its verdict falls: `workload` (its own sidecar or ztunnel), `gateway` or `proxy`. */
  readonly enforcement: pulumi.Output<Service["enforcement"]>;
  /** The Service document, with `${ref:…}` in place of Outputs; undefined when an AccessPlane made this component. */
  readonly document: DocumentInput<"Service"> | undefined;

  readonly #componentName: string;
  readonly #common: ComponentArgs | undefined;

  constructor(name: string, args: TcpServiceArgs | FromSet, opts?: pulumi.ComponentResourceOptions) {
    const own = args instanceof FromSet ? undefined : standalone(name, args);
    const set = args instanceof FromSet ? args.set : own?.set;
    const serviceName = args instanceof FromSet ? args.subject : own?.document.metadata.name;
    const service = serviceName === undefined ? undefined : set?.model.services.get(serviceName);
    if (!set || !service)
      throw new TypeError(`TcpService ${name}: its policy set has no Service ${serviceName}`);
    super("portreeve:index:TcpService", name, {}, opts);
    this.#componentName = name;
    this.#common = own?.common;
    this.document = own?.document;
    this.serviceName = service.name;
    lowerTargets(this, name, set, targetsOf(set, "TcpService", service.name));
    this.host = resolveText(service.hosts[0] ?? "", set.refs);
    this.ports = pulumi.output(service.ports.map((port) => port.port));
    this.enforcement = pulumi.output(service.enforcement);
    this.registerOutputs({ host: this.host, ports: this.ports, enforcement: this.enforcement });
  }

  /**
   * Lets somebody reach this service; objects of its own, which add to what is there.
   *
   * @returns the AccessPolicy, whose `grant` can be inspected.
   */
  allowFrom(from: Grantee, options: AccessPolicyOptions = {}): AccessPolicy {
    return this.#grant("allow", from, options, TcpService.prototype.allowFrom);
  }

  /** Forbids somebody to reach this service; wins over every allow. */
  denyFrom(from: Grantee, options: AccessPolicyOptions = {}): AccessPolicy {
    return this.#grant("deny", from, options, TcpService.prototype.denyFrom);
  }

  #grant(
    action: "allow" | "deny",
    from: Grantee,
    options: AccessPolicyOptions,
    below: (...args: never[]) => unknown,
  ): AccessPolicy {
    const { document } = this;
    if (!document || !this.#common) {
      throw new Error(
        `${this.serviceName} belongs to an AccessPlane: add a Grant to the plane's policies instead of calling ${action}From, so that its verdict, audit and preview know of it`,
      );
    }
    const position = callerPosition(below);
    return new AccessPolicy(
      options.name ?? `${this.#componentName}-${action}-${refName(from.label)}`.toLowerCase(),
      { ...this.#common, ...options, action, from, to: document, ...(position && { position }) },
      { parent: this },
    );
  }
}

function standalone(
  name: string,
  args: TcpServiceArgs,
): { document: DocumentInput<"Service">; common: ComponentArgs; set: PolicySet } {
  const { common, spec } = splitArgs(args);
  const { name: policyName, ...rest } = spec as typeof spec & { name?: string };
  const refs: Record<string, pulumi.Input<string>> = { ...common.refs };
  const plain = captureLeaves(rest, refName(`Service.${policyName ?? name}`), refs) as ServiceSpecInput;
  const document: DocumentInput<"Service"> = {
    apiVersion: API_VERSION,
    kind: "Service",
    metadata: { name: policyName ?? name },
    spec: plain,
  };
  const position = callerPosition(TcpService);
  if (position) setPosition(document, position);
  const withRefs: ComponentArgs & { refs: Refs } = { ...common, refs };
  const set = openPolicySet(
    withoutTrust(withRefs),
    "grant",
    [trustDocument(common.trust), document],
    `Service/${document.metadata.name}`,
  );
  return { document, common: withRefs, set };
}

function withoutTrust<A extends ComponentArgs>({ trust: _, ...rest }: A): Omit<A, "trust"> {
  return rest;
}
