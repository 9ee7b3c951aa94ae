// A cluster that exists, however it was made. With @pulumi/eks its values are:
//   clusterName        cluster.eksCluster.name
//   nodeSecurityGroup  cluster.nodeSecurityGroupId (with security groups for pods: that of the pods)
// The Pod Identity agent must run: the `eks-pod-identity-agent` add-on (EKS Auto Mode has it built in).
// The database's resource id is `dbCluster.clusterResourceId`, or `db.resourceId` of a single instance: not its name.
import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { AccessPlane } from "portreeve";
import { grant, group, service, trust, workload } from "portreeve/policy";

const config = new pulumi.Config();
const account = config.require("account");
const region = config.require("region");
const renderDir = config.get("renderDir");

const plane = new AccessPlane(
  "prod",
  {
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
              nodeSecurityGroup: config.require("nodeSecurityGroup"),
            },
          },
        ],
        defaults: { permissionsBoundary: `arn:aws:iam::${account}:policy/workload-boundary` },
      }),
      workload("shop/reports", {
        selector: { app: "reports" },
        owner: "team-reports",
        groups: ["reporting"],
        aws: { mode: "pod-identity" },
      }),
      group("reporting", { members: {}, owner: "team-reports" }),
      service("orders-db", {
        protocol: "postgres",
        hosts: [config.require("databaseHost")],
        ports: [5432],
        location: { type: "external" },
        owner: "team-orders",
        aws: {
          rds: { resourceId: config.require("databaseResourceId"), users: ["reporting"] },
          securityGroup: config.require("databaseSecurityGroup"),
        },
      }),
      grant("reports-orders", {
        from: { workloads: ["shop/reports"] },
        to: { service: "orders-db" },
        owner: "team-orders",
      }),
    ],
  },
  // Without `renderDir`, the providers of the environment: kubeconfig and AWS credentials.
  renderDir === undefined
    ? {}
    : { providers: [new KubernetesProvider("kubernetes", { renderYamlToDirectory: renderDir })] },
);

export const access = plane.accessTable;
export const roleArn = plane.workloads["shop/reports"]?.roleArn;
