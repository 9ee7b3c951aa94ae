import * as pulumi from "@pulumi/pulumi";
import { FromSet } from "./from-set.ts";
import { lowerTargets, tellWarnings } from "./lower/index.ts";
import { openPolicySet, type PolicySetArgs, targetsOf } from "./policy-set.ts";

/** Arguments of {@link TcpProxy}. */
export type TcpProxyArgs = PolicySetArgs;

/**
 * The identity-aware L4 proxy of one cluster: deployments (one a shard), their configuration, services, budget,
 * autoscaler and network policy.
 *
 * The configuration is mounted and reloaded by the running proxy, so a policy change does not restart it and keeps
 * every connection that is still allowed.
 *
 * @throws PolicyError with every problem at once.
 */
export class TcpProxy extends pulumi.ComponentResource {
  /** DNS name of the port on which people and agents name the service, inside the cluster. */
  readonly address: pulumi.Output<string>;
  /** The proxy's own SPIFFE ID. */
  readonly spiffeId: pulumi.Output<string>;
  /** `sha256:…` of the policy set that the configuration was made from. */
  readonly policyDigest: pulumi.Output<string>;

  constructor(name: string, args: TcpProxyArgs | FromSet, opts?: pulumi.ComponentResourceOptions) {
    const set = args instanceof FromSet ? args.set : openPolicySet(args, "service");
    super("portreeve:index:TcpProxy", name, {}, opts);
    if (!(args instanceof FromSet)) tellWarnings(this, set.warnings);
    lowerTargets(this, name, set, targetsOf(set, "TcpProxy"));
    const { namespace, connectPort } = set.model.trust.spec.proxy;
    this.address = pulumi.output(
      `portreeve-proxy.${namespace}.svc.${set.cluster.clusterDomain}:${connectPort}`,
    );
    this.spiffeId = pulumi.output(set.model.proxySpiffeId);
    this.policyDigest = pulumi.output(set.model.digest);
    this.registerOutputs({ address: this.address, spiffeId: this.spiffeId, policyDigest: this.policyDigest });
  }
}
