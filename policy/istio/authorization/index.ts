export { compilePolicies, evaluate } from "./evaluate.ts";
export { parseSecurityPolicy, type ShapeProblem } from "./parse.ts";
export { ConnectionError } from "./peer.ts";
export type {
  DataPlane,
  DecidedBy,
  IstioVerdict,
  Judge,
  PolicySet,
  TargetWorkload,
  TcpConnection,
} from "./types.ts";
