import { acceptsPlaintext } from "../../model/resolve.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR501. */
export const plaintext: LintRule = {
  id: "PR501",
  title: "Plaintext in the mesh",
  severity: "error",
  waivable: true,
  why: "A client without a certificate has no identity: only its address can be judged, and anybody on the network can read and change what is said. Without a valid waiver the mesh stays STRICT and the service's plaintext clients are refused.",
  fix: "set `tls.mode: auto`, or accept it for a time with a Waiver for PR501",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: metrics }
spec:
  protocol: tcp
  ports: [9100]
  location: { type: mesh, namespace: shop, selector: { app: metrics } }
  tls: { mode: none }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: metrics }
spec:
  protocol: tcp
  ports: [9100]
  location: { type: mesh, namespace: shop, selector: { app: metrics } }
`,
  *check({ model }): Iterable<Breach> {
    for (const service of model.services.values()) {
      if (!acceptsPlaintext(service)) continue;
      yield {
        object: `Service/${service.name}`,
        path: ["spec", "tls", "mode"],
        message: `${service.name} is to accept clients without a certificate`,
      };
    }
  },
};
