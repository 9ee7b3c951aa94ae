/**
 * Pulumi components: who may touch which TCP port, as code.
 *
 * @packageDocumentation
 */
export { AccessDashboards, type AccessDashboardsArgs } from "./access-dashboards.ts";
export { AccessPlane, type AccessPlaneArgs } from "./access-plane.ts";
export { AccessPolicy, type AccessPolicyArgs, type AccessPolicyOptions, Grantee } from "./access-policy.ts";
export type { ComponentArgs, TrustSource } from "./component-args.ts";
export type { LeafInput, Refs } from "./leaves.ts";
export { MeshGuards, type MeshGuardsArgs } from "./mesh-guards.ts";
export type { Transform, TransformChild } from "./options.ts";
export type { PolicyObjectInput, PolicySetArgs } from "./policy-set.ts";
export { TcpProxy, type TcpProxyArgs } from "./tcp-proxy.ts";
export { TcpService, type TcpServiceArgs } from "./tcp-service.ts";
export { WorkloadIdentity, type WorkloadIdentityArgs } from "./workload-identity.ts";
