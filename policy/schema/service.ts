import { z } from "zod";
import { serviceLimits } from "./limits.ts";
import { document, metadata } from "./metadata.ts";
import { address, awsAccount, awsRegion, duration, host, name, port, selector, text } from "./primitives.ts";

/** Application protocols a Service can declare. Server-first ones hang under protocol detection, so it is never left to detection. */
export const PROTOCOLS = [
  "tcp",
  "tls",
  "postgres",
  "mysql",
  "redis",
  "mongo",
  "kafka",
  "amqp",
  "mqtt",
  "nats",
  "grpc",
] as const;
/** An application protocol that a Service may speak. */
export type Protocol = (typeof PROTOCOLS)[number];

const servicePort = z.strictObject({
  port: port.describe("Port that clients use."),
  targetPort: port
    .optional()
    .describe(
      "Port that the service itself listens on; Istio's and Kubernetes' policies see this one. @default `port`",
    ),
  name: name
    .max(15, "a port name has at most 15 characters")
    .optional()
    .describe(
      "Port name. @default derived from protocol and port, so that Istio never has to detect the protocol",
    ),
});

const location = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z
        .literal("mesh")
        .describe("Runs in the mesh; its own sidecar or ztunnel is the enforcement point."),
      namespace: name.describe("Kubernetes namespace of the service."),
      selector: selector.describe("Labels of the pods that serve it."),
      serviceName: name
        .optional()
        .describe("Name of its Kubernetes Service. @default the name of this object"),
      serviceAccount: name
        .optional()
        .describe("Service account its pods run as; pins the identity clients expect. @default not pinned"),
      clusters: z.array(name).optional().describe("Clusters it runs in. @default all clusters of Trust"),
    }),
    z.strictObject({
      type: z
        .literal("external")
        .describe(
          "Lives outside the mesh (RDS, a SaaS, a VM); the proxy or an egress gateway is the enforcement point, because it has no sidecar of its own.",
        ),
      egress: z
        .enum(["proxy", "gateway"])
        .default("proxy")
        .describe(
          "Enforcement point: the Portreeve proxy, or the cluster's Istio egress gateway. Only the proxy can judge people, agents and expiry.",
        ),
      clusters: z.array(name).optional().describe("Clusters that reach it. @default all clusters of Trust"),
    }),
  ])
  .describe("Where the service lives.");

const tls = z
  .discriminatedUnion("mode", [
    z.strictObject({
      mode: z
        .literal("auto")
        .describe("In the mesh: Istio mutual TLS where both sides have it. External: none."),
    }),
    z.strictObject({ mode: z.literal("none").describe("Plaintext to the service.") }),
    z.strictObject({
      mode: z
        .literal("simple")
        .describe("TLS is originated towards the service and its certificate is verified."),
      ca: text
        .optional()
        .describe("CA bundle file (PEM) as mounted at the enforcement point. @default the system's roots"),
      sni: text.optional().describe("Server name to ask for and to verify. @default the first host"),
      subjectAltNames: z
        .array(text)
        .optional()
        .describe("Accepted names in the service's certificate. @default `sni`"),
    }),
    z.strictObject({
      mode: z.literal("mutual").describe("As `simple`, and a client certificate is presented."),
      ca: text
        .optional()
        .describe("CA bundle file (PEM) as mounted at the enforcement point. @default the system's roots"),
      sni: text.optional().describe("Server name to ask for and to verify. @default the first host"),
      subjectAltNames: z
        .array(text)
        .optional()
        .describe("Accepted names in the service's certificate. @default `sni`"),
      credential: text
        .optional()
        .describe("Name of the mounted client credential. @default the proxy's own SVID"),
    }),
    z.strictObject({
      mode: z
        .literal("passthrough")
        .describe("The client speaks TLS itself; it is routed by SNI and never decrypted."),
      sni: z
        .array(host)
        .min(1)
        .optional()
        .describe("Server names that select this service. @default `hosts`"),
    }),
  ])
  .describe("TLS between the enforcement point and the service.");

const outlierDetection = z
  .strictObject({
    consecutiveFailures: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe("Failed connects in a row that eject an endpoint."),
    interval: duration.default("10s").describe("Time between checks."),
    baseEjectionTime: duration.default("30s").describe("First ejection time; it grows with each ejection."),
    maxEjectionPercent: z
      .number()
      .int()
      .min(1)
      .max(100)
      .default(50)
      .describe("Share of endpoints that may be ejected at one time."),
  })
  .describe("When an endpoint that keeps failing is left alone for a while.");

const aws = z
  .strictObject({
    account: awsAccount.optional().describe("AWS account of the service. @default the cluster's"),
    region: awsRegion.optional().describe("AWS region of the service. @default the cluster's"),
    rds: z
      .strictObject({
        resourceId: text.describe(
          "Cluster resource id (cluster-ABC…) or DB resource id (db-ABC…), not the name: IAM names databases by it.",
        ),
        cluster: text.optional().describe("Name of the RDS cluster, for people."),
        users: z
          .array(text)
          .min(1)
          .default(["app"])
          .describe("Database users that grants may map to (`rds-db:connect`)."),
      })
      .optional()
      .describe("The service is an RDS or Aurora database."),
    elasticache: z
      .strictObject({
        kind: z
          .enum(["replication-group", "serverless"])
          .default("replication-group")
          .describe("What the cache is: the two have different ARNs, and the permission names exactly one."),
        replicationGroup: text.describe("Name of the replication group, or of the serverless cache."),
        users: z.array(text).min(1).describe("ElastiCache user ids (`elasticache:Connect`)."),
      })
      .optional()
      .describe("The service is an ElastiCache cache."),
    msk: z
      .strictObject({
        cluster: text.describe("Name of the MSK cluster."),
        uuid: text.describe("UUID of the MSK cluster, the last part of its ARN."),
        topics: z.array(text).min(1).default(["*"]).describe("Topics that grants allow."),
        groups: z.array(text).min(1).default(["*"]).describe("Consumer groups that grants allow."),
      })
      .optional()
      .describe("The service is an MSK cluster."),
    secret: text.optional().describe("ARN of a Secrets Manager secret that clients of the service read."),
    securityGroup: text
      .optional()
      .describe("Security group of the service; gets one rule per port, never 0.0.0.0/0."),
  })
  .describe("What the service is in AWS; grants become the least IAM permission that reaches it.");

/** A narrow TCP destination. */
export const serviceSpec = z.strictObject({
  protocol: z
    .enum(PROTOCOLS)
    .describe(
      "Application protocol; names the port, chooses the TLS upgrade and what the audit record can say.",
    ),
  hosts: z
    .array(host)
    .min(1)
    .optional()
    .describe(
      "DNS names clients use. @default for a mesh service NAME.NAMESPACE.svc.CLUSTERDOMAIN; required for an external one",
    ),
  ports: z
    .array(z.union([port, servicePort]))
    .min(1, "name at least one port")
    .describe("Ports, as a number or `{ port, targetPort, name }`."),
  location,
  addresses: z
    .array(address)
    .default([])
    .describe(
      "Addresses that clients use for it (its VIPs). @default planned, so that no two TCP services collide",
    ),
  resolution: z
    .enum(["dns", "static", "none"])
    .default("dns")
    .describe(
      "How an external service's endpoints are found: `dns` (its host), `static` (`endpoints`), `none` (the address the client used).",
    ),
  endpoints: z
    .array(address)
    .default([])
    .describe("Endpoint addresses of an external service with `resolution: static`."),
  tls: tls.default({ mode: "auto" }),
  limits: serviceLimits.optional(),
  outlierDetection: outlierDetection.optional(),
  exportTo: z
    .array(z.union([name, z.literal("*"), z.literal(".")]))
    .optional()
    .describe("Namespaces that see it. @default exactly the namespaces of the workloads that may reach it"),
  auth: z
    .enum(["none", "rds-iam", "elasticache-iam"])
    .default("none")
    .describe("How the proxy logs in to the service for the client. @default the client logs in itself"),
  tokenLogin: z
    .strictObject({
      provider: name.describe("Name of the OIDC provider in Trust whose tokens are taken."),
      port: port.describe("Port of the proxy for it, not 20000 to 29999 and no other Service's."),
    })
    .optional()
    .describe(
      "Stock PostgreSQL clients may give a token as their password, at a port of the proxy of its own. Needs `auth`, because the proxy keeps the token. @default not",
    ),
  owner: text.optional().describe("Team or person who answers for it."),
  aws: aws.optional(),
});

/** See {@link serviceSpec}. */
export const service = document(
  "Service",
  metadata,
  serviceSpec,
  "A narrow TCP destination: its hosts and ports, where it lives, how TLS is done, its limits.",
);
