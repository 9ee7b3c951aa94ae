/**
 * The pure core of Portreeve: policy objects, the model resolved from them, verdicts, guardrails and compilers. No
 * Pulumi, no network, no clock.
 *
 * @packageDocumentation
 */
export { type AwsChain, awsChain, type ChainLink, type ChainOptions } from "./compile/aws/chain.ts";
export { IamTextError } from "./compile/aws/iam-text.ts";
export * from "./decide/index.ts";
export * from "./diff/index.ts";
export { type Explanation, explain } from "./explain/index.ts";
export * from "./finding.ts";
export { type Connection, connections, type Problem, reach, readCluster } from "./kubernetes/reach/index.ts";
export {
  checkPermissionDocument,
  checkTrustDocument,
  type DocumentBreach,
  guardrails,
  type LintOptions,
  lint,
  type RuleInfo,
  ruleInfo,
} from "./lint/index.ts";
export {
  loadDocuments,
  loadModel,
  loadPolicySet,
  type PolicyObject,
  type PolicySources,
  type Sourced,
} from "./load/index.ts";
export { agent, grant, group, type Naming, service, trust, waiver, workload } from "./load/object.ts";
export { accessTable } from "./model/access.ts";
export { resolve } from "./model/resolve.ts";
export type {
  AccessRow,
  Agent,
  Cluster,
  Grant,
  Group,
  Model,
  Rule,
  Service,
  ServicePort,
  Trust,
  Waiver,
  Workload,
} from "./model/types.ts";
export { type Access, type Layer, type Reach, type ReachInput, reachAll } from "./reach/index.ts";
export * from "./schema/index.ts";
export { formatPorts, type PortSet } from "./sets/ports.ts";
