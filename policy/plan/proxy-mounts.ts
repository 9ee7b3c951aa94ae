/**
 * Where things are in the proxy's container: the configuration names these paths and the Deployment mounts them, so both
 * compilers read them here.
 */
export const PROXY_MOUNTS = {
  /** The ConfigMap of the shard. */
  config: { dir: "/etc/portreeve/config", file: "proxy.json" },
  /** Projected service-account token with audience `istio-ca`, by which istiod's CA knows the proxy. */
  istioToken: { dir: "/var/run/secrets/tokens", file: "istio-token" },
  /** istiod's root certificate, which Istio puts into a ConfigMap of every namespace. */
  istioRoot: { dir: "/var/run/secrets/istio", file: "root-cert.pem" },
  /**
   * The CA bundles that services and federated trust domains name: ConfigMap `portreeve-proxy-ca`, made by the estate's
   * owner, mounted if it is there.
   */
  ca: { dir: "/etc/portreeve/ca", configMap: "portreeve-proxy-ca" },
  /** Client certificates for services with `tls.mode: mutual`: a TLS Secret for each credential, one folder each. */
  credentials: { dir: "/etc/portreeve/credentials" },
  /** The Secret with the key that signs checkpoints of the audit chain. */
  audit: { dir: "/etc/portreeve/audit", file: "audit.pem" },
  /** The only writable folder: the admin socket. */
  run: { dir: "/run/portreeve", admin: "admin.sock" },
} as const;

/** Port of metrics and probes; the configuration's default. */
export const PROXY_METRICS_PORT = 15_090;
/** HBONE: where ztunnel reaches a workload that speaks it natively. */
export const HBONE_PORT = 15_008;
/** How long live connections may go on after SIGTERM, and how long balancers get to notice before. */
export const PROXY_DRAIN = { deadlineSeconds: 30, delaySeconds: 5 } as const;
