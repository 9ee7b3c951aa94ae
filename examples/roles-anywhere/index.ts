// A workload outside of EKS takes an AWS role with its SPIFFE certificate: no access key anywhere. The certificate's URI SAN is
// compared with the workload's SPIFFE ID, and its CA is the trust anchor.
//
// On the workload's side: `aws_signing_helper credential-process --certificate svid.pem --private-key key.pem
// --trust-anchor-arn … --profile-arn … --role-arn …` with the outputs of this stack.
import { readFileSync } from "node:fs";
import { TrustAnchor } from "@pulumi/aws/rolesanywhere/trustAnchor.js";
import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { AccessPlane } from "portreeve";
import { grant, group, service, trust, workload } from "portreeve/policy";

const config = new pulumi.Config();
const account = config.require("account");
const region = config.require("region");
const renderDir = config.get("renderDir");

// Whoever replaces the anchor locks every workload out, or lets another CA in: so it is protected.
const anchor = new TrustAnchor(
  "spiffe",
  {
    name: "spiffe",
    enabled: true,
    source: {
      sourceType: "CERTIFICATE_BUNDLE",
      sourceData: { x509CertificateData: readFileSync(config.require("caBundle"), "utf8") },
    },
  },
  { protect: config.getBoolean("protect") ?? true },
);

const plane = new AccessPlane(
  "edge",
  {
    refs: { trustAnchor: anchor.arn },
    objects: [
      trust("estate", {
        trustDomain: "prod.example.com",
        clusters: [{ name: "edge", dataPlane: "sidecar", istioVersion: "1.31" }],
      }),
      workload("warehouse/scanner", {
        selector: { app: "scanner" },
        owner: "team-warehouse",
        groups: ["warehouse"],
        aws: {
          mode: "roles-anywhere",
          account,
          region,
          trustAnchorArn: "${ref:trustAnchor}",
          issuerCommonName: config.get("issuerCommonName") ?? "Workload CA",
        },
      }),
      group("warehouse", { members: {}, owner: "team-warehouse" }),
      service("stock-db", {
        protocol: "postgres",
        hosts: [config.require("databaseHost")],
        ports: [5432],
        location: { type: "external" },
        owner: "team-stock",
        aws: {
          account,
          region,
          rds: { resourceId: config.require("databaseResourceId"), users: ["scanner"] },
        },
      }),
      grant("scanner-stock", {
        from: { workloads: ["warehouse/scanner"] },
        to: { service: "stock-db" },
        owner: "team-stock",
      }),
    ],
  },
  renderDir === undefined
    ? {}
    : { providers: [new KubernetesProvider("kubernetes", { renderYamlToDirectory: renderDir })] },
);

export const access = plane.accessTable;
export const roleArn = plane.workloads["warehouse/scanner"]?.roleArn;
export const trustAnchorArn = anchor.arn;
