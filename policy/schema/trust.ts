import { z } from "zod";
import { awsProvider, oidcProvider } from "./identity-provider.ts";
import { serviceLimits } from "./limits.ts";
import { document, metadata } from "./metadata.ts";
import {
  arn,
  awsAccount,
  awsRegion,
  cidr,
  duration,
  labels,
  name,
  port,
  selector,
  text,
  trustDomain,
} from "./primitives.ts";

const addressing = z
  .discriminatedUnion("mode", [
    z.strictObject({
      mode: z
        .literal("dns-capture")
        .describe("Sidecars or ztunnel answer DNS and hand out an address per external service."),
    }),
    z.strictObject({
      mode: z
        .literal("vips")
        .describe("Portreeve plans one virtual address per external TCP service out of `range`."),
      range: cidr.describe(
        "IPv4 block for virtual addresses; must not overlap pods, services or anything routable, e.g. 240.240.0.0/16.",
      ),
    }),
  ])
  .describe(
    "How external TCP services get an address each. Without one, two services on a port share a listener and traffic goes to the wrong backend (istio#11741).",
  );

const domain = z
  .string()
  .max(200, "a DNS domain for services has at most 200 characters")
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/,
    "write a DNS domain such as cluster.local",
  );

const eks = z
  .strictObject({
    name: text.describe("Name of the EKS cluster."),
    account: awsAccount.describe("AWS account of the cluster."),
    region: awsRegion.describe("AWS region of the cluster."),
    oidcIssuer: z
      .string()
      .regex(/^https:\/\//, "an OIDC issuer starts with https://")
      .or(z.string().regex(/^\$\{ref:[^}]+\}$/))
      .optional()
      .describe("The cluster's OIDC issuer URL; needed for IRSA."),
    nodeSecurityGroup: text
      .optional()
      .describe("Security group of the nodes (or pods) that connections to AWS services come from."),
  })
  .describe("The EKS cluster behind this cluster, for Pod Identity and IRSA.");

const cluster = z.strictObject({
  name: name.describe("Name of the cluster, as grants, workloads and commands refer to it."),
  dataPlane: z
    .enum(["sidecar", "ambient"])
    .describe(
      "Istio data plane: `sidecar` (Envoy in each pod) or `ambient` (ztunnel on each node). Verdicts can differ; compiling fails where they would.",
    ),
  istioVersion: z
    .string()
    .regex(/^1\.\d{1,3}(\.\d{1,3})?$/, 'write the Istio version in quotes, e.g. "1.31"')
    .describe('Istio version, e.g. "1.31".'),
  clusterDomain: domain.default("cluster.local").describe("DNS domain of Kubernetes services."),
  network: name.optional().describe("Istio network of the cluster, for multi-network meshes."),
  addressing: addressing.default({ mode: "dns-capture" }),
  apiServerCidrs: z
    .array(cidr)
    .default([])
    .describe(
      "Addresses of the Kubernetes API server, for egress of workloads that need it and of the proxy. @default none: no rule is made",
    ),
  apiServerPort: port
    .default(443)
    .describe("Port of the Kubernetes API server as pods see it after Service translation."),
  dns: z
    .strictObject({
      namespace: name.default("kube-system").describe("Namespace of the DNS pods."),
      selector: selector.default({ "k8s-app": "kube-dns" }).describe("Labels of the DNS pods."),
    })
    .default({ namespace: "kube-system", selector: { "k8s-app": "kube-dns" } })
    .describe("Where pods resolve names; default-deny egress must still let them."),
  egressGateway: z
    .strictObject({
      namespace: name.default("istio-system").describe("Namespace of the gateway's pods."),
      selector: selector.default({ istio: "egressgateway" }).describe("Labels of the gateway's pods."),
      service: name.default("istio-egressgateway").describe("Kubernetes Service of the gateway."),
      serviceAccount: name.default("istio-egressgateway").describe("Service account the gateway runs as."),
    })
    .optional()
    .describe(
      "The Istio egress gateway, if services with `egress: gateway` exist. Portreeve uses it and never installs it.",
    ),
  eks: eks.optional(),
  labels: labels.optional().describe("Labels of the cluster, for people."),
});

/** The estate's one definition of trust. */
export const trustSpec = z.strictObject({
  trustDomain: trustDomain.describe(
    "SPIFFE trust domain of the mesh. Policies always name it in full, because ambient has no aliases.",
  ),
  trustDomainAliases: z
    .array(trustDomain)
    .default([])
    .describe(
      "Former trust domains whose identities still count (a migration); honoured by sidecars and the proxy.",
    ),
  federation: z
    .array(
      z.strictObject({
        trustDomain: trustDomain.describe("A foreign trust domain."),
        bundle: text.describe(
          "Path of its trust bundle (PEM) as mounted into the proxy. It never vouches for another domain's names.",
        ),
      }),
    )
    .default([])
    .describe("Foreign trust domains that workloads may come from."),
  rootNamespace: name.default("istio-system").describe("Istio's root namespace."),
  clusters: z
    .array(cluster)
    .min(1, "name at least one cluster")
    .describe("The clusters this definition covers."),
  identityProviders: z
    .strictObject({
      oidc: z.array(oidcProvider).default([]).describe("OpenID Connect issuers of people and agents."),
      aws: z.array(awsProvider).default([]).describe("AWS accounts whose IAM roles may identify themselves."),
    })
    .default({ oidc: [], aws: [] })
    .describe("Who vouches for people, agents and roles."),
  proxy: z
    .strictObject({
      namespace: name.default("portreeve").describe("Namespace the proxy runs in."),
      serviceAccount: name.default("portreeve-proxy").describe("Service account the proxy runs as."),
      image: text
        .default("portreeve-proxy:0.1.0")
        .describe("Container image of the proxy; pin it by digest in production."),
      replicas: z.number().int().min(1).max(100).default(2).describe("Pods at least."),
      maxReplicas: z.number().int().min(1).max(1000).default(10).describe("Pods at most, by CPU."),
      connectPort: port
        .default(8443)
        .describe("Port on which people and agents name the service (HTTP CONNECT inside TLS)."),
      connectCertificate: name
        .optional()
        .describe(
          "TLS Secret in the proxy's namespace with the certificate of that port, for the DNS name by which people reach it. Stock clients such as curl need one. @default the proxy's SVID, which `portreeve` verifies by its SPIFFE ID",
        ),
      auditSigning: name
        .optional()
        .describe(
          "Secret in the proxy's namespace whose key `audit.pem` is an Ed25519 private key (PEM) that signs checkpoints of the audit chain; the proxy does not start without it. @default none: records are chained, and not signed",
        ),
      shards: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(1)
        .describe(
          "Independent proxy deployments; each service belongs to one, so that a large estate's configuration stays within Kubernetes' object limits.",
        ),
    })
    .prefault({})
    .describe("How the Portreeve proxy is deployed."),
  defaults: z
    .strictObject({
      limits: serviceLimits.optional().describe("Limits of services that do not state their own."),
      maxCertificateTtl: duration
        .default("24h")
        .describe("Ceiling for the lifetime of workload certificates."),
      certificateTtl: duration
        .default("24h")
        .describe("Lifetime that workload certificates are issued with, as set in the mesh."),
      permissionsBoundary: arn.optional().describe("IAM permissions boundary that every role must carry."),
      maxGrantDuration: duration
        .optional()
        .describe("Longest allowed time until a person's or agent's grant expires."),
    })
    .prefault({})
    .describe("Values used where an object states none."),
});

/** See {@link trustSpec}. */
export const trust = document(
  "Trust",
  metadata,
  trustSpec,
  "The estate's one definition of trust: SPIFFE trust domain, clusters, identity providers, defaults. A policy set has exactly one.",
);
