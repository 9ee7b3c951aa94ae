import { goInstalled } from "../go.ts";

/** A certificate authority that issues SPIFFE-URI certificates; its own go.sum, in the module, is the lock. */
export const stepCa = goInstalled({
  name: "step-ca",
  title: "Certificate authority (SPIFFE-URI certificates)",
  version: "0.30.2",
  package: "github.com/smallstep/certificates/cmd/step-ca",
  cost: { seconds: 240, megabytes: 60 },
});
