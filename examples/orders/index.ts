import { join, resolve } from "node:path";
import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import { Provider as AwsProvider } from "@pulumi/aws/provider.js";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace.js";
import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { AccessPlane } from "portreeve";

// Which cluster, and where to: see Pulumi.<stack>.yaml.
const config = new pulumi.Config();
const target = config.get("target") ?? "render";
const aws = config.get("aws") ?? "off";
const cluster = config.get("cluster") ?? "use1";
const region = cluster === "euw1" ? "eu-west-1" : "us-east-1";
const root = join(import.meta.dirname, "../..");

const kubernetes =
  target === "render"
    ? new KubernetesProvider("kubernetes", {
        renderYamlToDirectory: resolve(root, config.get("renderDir") ?? "out/orders"),
      })
    : new KubernetesProvider("kubernetes", {
        kubeconfig: config.require("kubeconfig"),
        ...optional("context", config.get("context")),
      });

const namespaces = ["shop", "analytics", "portreeve"].map(
  (name) => new Namespace(name, { metadata: { name } }, { provider: kubernetes }),
);

// What the policies mention as ${ref:…}: with AWS on, values that only the deployment knows.
const providers: pulumi.ProviderResource[] = [kubernetes];
let ordersDbSecurityGroup: pulumi.Input<string> = "sg-0123456789abcdef0";
let nodeSecurityGroup: pulumi.Input<string> = "sg-0fedcba9876543210";
if (aws !== "off") {
  const endpoint = config.get("awsEndpoint");
  const amazon = new AwsProvider("aws", {
    region,
    ...(aws === "emulated" && endpoint !== undefined
      ? {
          accessKey: "test",
          secretKey: "test",
          skipCredentialsValidation: true,
          skipRequestingAccountId: true,
          skipMetadataApiCheck: true,
          endpoints: [{ iam: endpoint, ec2: endpoint, eks: endpoint, sts: endpoint }],
        }
      : {}),
  });
  providers.push(amazon);
  const vpcId = config.get("vpcId");
  const group = (name: string) =>
    new SecurityGroup(name, { description: name, ...optional("vpcId", vpcId) }, { provider: amazon });
  ordersDbSecurityGroup = group("orders-db").id;
  nodeSecurityGroup = group("nodes").id;
}

const plane = new AccessPlane(
  "shop",
  {
    policies: config.get("policies") ?? join(import.meta.dirname, "policies"),
    cluster,
    aws: aws !== "off",
    refs: {
      ordersDbEndpoint: config.get("ordersDbEndpoint") ?? "orders.cluster-abc123.us-east-1.rds.amazonaws.com",
      ordersDbResourceId: config.get("ordersDbResourceId") ?? "cluster-ABCDEFGHIJKL01234",
      ordersDbSecurityGroup,
      nodeSecurityGroup,
    },
  },
  { providers, dependsOn: namespaces },
);

export const policyDigest = plane.policyDigest;
export const accessTable = plane.accessTable;
export const proxyAddress = plane.proxyAddress;

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
