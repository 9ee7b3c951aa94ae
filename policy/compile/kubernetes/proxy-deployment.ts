import { sortedSet } from "../../model/canonical.ts";
import type { Service as PolicyService } from "../../model/types.ts";
import { HBONE_PORT, PROXY_DRAIN, PROXY_METRICS_PORT, PROXY_MOUNTS } from "../../plan/proxy-mounts.ts";
import type { Context } from "./context.ts";
import type { Container, Deployment, Labels, Volume } from "./objects.ts";
import type { Shard } from "./proxy-pods.ts";

/** A user that owns nothing, as in distroless images. */
const NOBODY = 65_532;

/**
 * The pods of one shard. They meet the restricted Pod Security Standard.
 *
 * Nothing here depends on the policies but the mounted credentials: the configuration is a mounted ConfigMap that the
 * running proxy reloads, so a new policy rolls no pod and keeps every connection that it still allows.
 */
export function proxyDeployment(
  context: Context,
  shard: Shard,
  services: readonly PolicyService[],
): Deployment {
  const { model } = context;
  const selector = { matchLabels: shard.podLabels };
  const secrets = credentials(services, model.trust.spec.proxy.connectCertificate);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: shard.name, namespace: shard.namespace, labels: shard.labels },
    spec: {
      // `replicas` is left to the autoscaler: stated here, each `up` would set it back.
      selector,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: podLabels(context, shard) },
        spec: {
          serviceAccountName: model.trust.spec.proxy.serviceAccount,
          // It never talks to the API server; the token for istiod's CA is projected on its own.
          automountServiceAccountToken: false,
          // One variable a Service of the namespace would overflow the environment of a large estate.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: PROXY_DRAIN.delaySeconds + PROXY_DRAIN.deadlineSeconds + 10,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: NOBODY,
            runAsGroup: NOBODY,
            fsGroup: NOBODY,
            seccompProfile: { type: "RuntimeDefault" },
          },
          topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
            (topologyKey) => ({
              maxSkew: 1,
              topologyKey,
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: selector,
            }),
          ),
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 100,
                  podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: selector },
                },
              ],
            },
          },
          containers: [container(context, secrets.length > 0)],
          volumes: volumes(shard, secrets, model.trust.spec.proxy.auditSigning),
        },
      },
    },
  };
}

/**
 * The proxy is a mesh member without sidecar: it speaks Istio mutual TLS itself. In ambient mode ztunnel must neither
 * capture it nor end HBONE for it, so the tunnel label states that it takes HBONE itself.
 */
function podLabels(context: Context, shard: Shard): Labels {
  return {
    ...shard.labels,
    "sidecar.istio.io/inject": "false",
    ...(context.cluster.dataPlane === "ambient" && {
      "istio.io/dataplane-mode": "none",
      "networking.istio.io/tunnel": "http",
    }),
  };
}

function container({ model, cluster }: Context, withCredentials: boolean): Container {
  const { auditSigning, connectPort, image } = model.trust.spec.proxy;
  const { config } = PROXY_MOUNTS;
  const probe = (path: string, periodSeconds: number, failureThreshold: number) => ({
    httpGet: { path, port: "metrics" },
    periodSeconds,
    failureThreshold,
  });
  const named = (name: string, containerPort: number) => ({ name, containerPort, protocol: "TCP" }) as const;
  return {
    name: "proxy",
    image,
    args: [`${config.dir}/${config.file}`],
    // A port a service would make this list thousands long; Kubernetes needs none of them here.
    ports: [
      named("connect", connectPort),
      ...(cluster.dataPlane === "ambient" ? [named("hbone", HBONE_PORT)] : []),
      named("metrics", PROXY_METRICS_PORT),
    ],
    // No CPU limit: throttling would show as latency of every connection.
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "1Gi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    startupProbe: probe("/readyz", 2, 30),
    readinessProbe: probe("/readyz", 5, 2),
    livenessProbe: probe("/livez", 10, 3),
    volumeMounts: [
      { name: "config", mountPath: config.dir, readOnly: true },
      { name: "istio-token", mountPath: PROXY_MOUNTS.istioToken.dir, readOnly: true },
      { name: "istio-root", mountPath: PROXY_MOUNTS.istioRoot.dir, readOnly: true },
      { name: "ca", mountPath: PROXY_MOUNTS.ca.dir, readOnly: true },
      ...(withCredentials
        ? [{ name: "credentials", mountPath: PROXY_MOUNTS.credentials.dir, readOnly: true } as const]
        : []),
      ...(auditSigning === undefined
        ? []
        : [{ name: "audit", mountPath: PROXY_MOUNTS.audit.dir, readOnly: true } as const]),
      { name: "run", mountPath: PROXY_MOUNTS.run.dir },
    ],
  };
}

function volumes(shard: Shard, secrets: readonly string[], auditSigning: string | undefined): Volume[] {
  return [
    // Mounted as a folder, never with subPath: only so does the kubelet bring a new version into the running pod.
    { name: "config", configMap: { name: shard.name } },
    {
      name: "istio-token",
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: "istio-ca",
              expirationSeconds: 43_200,
              path: PROXY_MOUNTS.istioToken.file,
            },
          },
        ],
      },
    },
    { name: "istio-root", configMap: { name: "istio-ca-root-cert" } },
    { name: "ca", configMap: { name: PROXY_MOUNTS.ca.configMap, optional: true } },
    // An empty list would come back from the API server as none, and show as a change for ever.
    ...(secrets.length === 0
      ? []
      : [
          {
            name: "credentials",
            projected: {
              sources: secrets.map((name) => ({
                secret: {
                  name,
                  items: ["tls.crt", "tls.key"].map((key) => ({ key, path: `${name}/${key}` })),
                  // Its absence must not keep the proxy of all other services from starting.
                  optional: true,
                },
              })),
            },
          },
        ]),
    ...(auditSigning === undefined ? [] : [signingKey(auditSigning)]),
    { name: "run", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  ];
}

/** Not optional: a proxy that should sign its records must not run without its key. */
function signingKey(name: string): Volume {
  const { file } = PROXY_MOUNTS.audit;
  const secret = { name, items: [{ key: file, path: file }], optional: false };
  return { name: "audit", projected: { sources: [{ secret }] } };
}

/** TLS Secrets that services show to their endpoints, and the one that the shared port shows to people. */
function credentials(services: readonly PolicyService[], connectCertificate: string | undefined): string[] {
  return sortedSet([
    ...services.flatMap(({ spec }) => (spec.tls.mode === "mutual" ? (spec.tls.credential ?? []) : [])),
    ...(connectCertificate === undefined ? [] : [connectCertificate]),
  ]);
}
