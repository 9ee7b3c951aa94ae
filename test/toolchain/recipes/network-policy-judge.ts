import { goProgram } from "../go.ts";

/** A judge of packets under NetworkPolicy that is not ours: cyclonus' matcher, with Kubernetes' own label selectors. */
export const networkPolicyJudge = goProgram({
  name: "network-policy-judge",
  title: "NetworkPolicy verdict on a packet (cyclonus)",
  version: "0.5.6",
  lock: "network-policy",
  package: "./judge",
  cost: { seconds: 80, megabytes: 34 },
});
