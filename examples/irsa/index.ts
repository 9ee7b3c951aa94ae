// IAM roles for service accounts, and a database that is in another AWS account: the pod's role may take one role there, with
// an external id, and only that role may log in.
//
// The cluster's OIDC provider must be registered in IAM (@pulumi/eks: `createOidcProvider: true`); it is used, not made.
//   oidcIssuer  cluster.eksCluster.identities[0].oidcs[0].issuer
import { Provider as AwsProvider } from "@pulumi/aws/provider.js";
import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { AccessPlane } from "portreeve";
import { grant, group, service, trust, workload } from "portreeve/policy";

const config = new pulumi.Config();
const account = config.require("account");
const dataAccount = config.require("dataAccount");
const region = config.require("region");
const renderDir = config.get("renderDir");

// Makes the role and the permission of the other account; `deployRole` is a role there that this stack may take.
const data = new AwsProvider("data", {
  region,
  assumeRoles: [{ roleArn: config.require("deployRole") }],
});

const plane = new AccessPlane(
  "prod",
  {
    awsAccounts: { [dataAccount]: data },
    objects: [
      trust("estate", {
        trustDomain: "cluster.local",
        clusters: [
          {
            name: "prod",
            dataPlane: "sidecar",
            istioVersion: "1.31",
            eks: {
              name: config.require("clusterName"),
              account,
              region,
              oidcIssuer: config.require("oidcIssuer"),
            },
          },
        ],
      }),
      workload("shop/reports", {
        selector: { app: "reports" },
        owner: "team-reports",
        groups: ["reporting"],
        aws: {
          mode: "irsa",
          assume: [{ account: dataAccount, roleName: "shop-reports", externalId: "shop-reports-prod" }],
        },
      }),
      group("reporting", { members: {}, owner: "team-reports" }),
      service("orders-db", {
        protocol: "postgres",
        hosts: [config.require("databaseHost")],
        ports: [5432],
        location: { type: "external" },
        owner: "team-orders",
        aws: {
          account: dataAccount,
          rds: { resourceId: config.require("databaseResourceId"), users: ["reporting"] },
        },
      }),
      grant("reports-orders", {
        from: { workloads: ["shop/reports"] },
        to: { service: "orders-db" },
        owner: "team-orders",
      }),
    ],
  },
  renderDir === undefined
    ? {}
    : { providers: [new KubernetesProvider("kubernetes", { renderYamlToDirectory: renderDir })] },
);

export const access = plane.accessTable;
export const roleArn = plane.workloads["shop/reports"]?.roleArn;
