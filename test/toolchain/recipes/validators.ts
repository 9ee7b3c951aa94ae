import { goProgram } from "../go.ts";

/** The API server's own checks with Istio's CRDs, and istiod's validating webhook, on objects given as JSON lines. */
export const istioValidator = goProgram({
  name: "istio-validator",
  title: "Istio's verdict on an object (CRD, CEL, webhook)",
  version: "1.31.0",
  lock: "istio",
  package: "./validator",
  tags: ["vtprotobuf"],
  cost: { seconds: 240, megabytes: 82 },
});

/** The API server's own decoding, defaulting and validation of a NetworkPolicy, on objects given as JSON lines. */
export const networkPolicyValidator = goProgram({
  name: "network-policy-validator",
  title: "The API server's verdict on a NetworkPolicy",
  version: "1.36.3",
  lock: "kubernetes",
  package: "./validator",
  cost: { seconds: 90, megabytes: 17 },
});
