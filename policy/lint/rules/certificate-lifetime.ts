import { milliseconds } from "../../schema/index.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR304. */
export const certificateLifetime: LintRule = {
  id: "PR304",
  title: "Certificate lifetime above the ceiling",
  severity: "error",
  waivable: true,
  why: "A stolen workload key is good until its certificate ends; nothing revokes it before.",
  fix: "lower `defaults.certificateTtl` (and the mesh's own setting), or raise `defaults.maxCertificateTtl`",
  bad: `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  defaults: { certificateTtl: 720h }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  defaults: { certificateTtl: 12h }
`,
  *check({ model }): Iterable<Breach> {
    const { name, spec } = model.trust;
    const { certificateTtl, maxCertificateTtl } = spec.defaults;
    if (milliseconds(certificateTtl) <= milliseconds(maxCertificateTtl)) return;
    yield {
      object: `Trust/${name}`,
      path: ["spec", "defaults", "certificateTtl"],
      message: `workload certificates live ${certificateTtl}, above the ceiling of ${maxCertificateTtl}`,
    };
  },
};
