import type { Service, Trust } from "../../model/types.ts";
import { milliseconds, type ServiceSpec } from "../../schema/index.ts";
import type { TrafficPolicy } from "./objects.ts";

type Limits = NonNullable<ServiceSpec["limits"]>;

/** A service's limits: its own, then the estate's. */
export function effectiveLimits(trust: Trust, service: Service): Limits {
  return { ...trust.spec.defaults.limits, ...service.spec.limits };
}

/** Connection limits and outlier detection as Istio writes them; empty when nothing is said. */
export function trafficPolicy(trust: Trust, service: Service): Omit<TrafficPolicy, "tls"> {
  const limits = effectiveLimits(trust, service);
  const { outlierDetection } = service.spec;
  const { tcpKeepalive } = limits;
  const tcp = {
    ...(limits.maxConnections !== undefined && { maxConnections: limits.maxConnections }),
    ...(limits.connectTimeout !== undefined && { connectTimeout: istioDuration(limits.connectTimeout) }),
    ...(limits.idleTimeout !== undefined && { idleTimeout: istioDuration(limits.idleTimeout) }),
    ...(limits.maxConnectionDuration !== undefined && {
      maxConnectionDuration: istioDuration(limits.maxConnectionDuration),
    }),
    ...(tcpKeepalive && {
      tcpKeepalive: {
        ...(tcpKeepalive.time !== undefined && { time: istioDuration(tcpKeepalive.time) }),
        ...(tcpKeepalive.interval !== undefined && { interval: istioDuration(tcpKeepalive.interval) }),
        ...(tcpKeepalive.probes !== undefined && { probes: tcpKeepalive.probes }),
      },
    }),
  };
  return {
    ...(Object.keys(tcp).length > 0 && { connectionPool: { tcp } }),
    ...(outlierDetection && {
      outlierDetection: {
        // On a TCP port Envoy counts a failed connect as a 5xx.
        consecutive5xxErrors: outlierDetection.consecutiveFailures,
        interval: istioDuration(outlierDetection.interval),
        baseEjectionTime: istioDuration(outlierDetection.baseEjectionTime),
        maxEjectionPercent: outlierDetection.maxEjectionPercent,
      },
    }),
  };
}

/**
 * A duration as the API server gives it back: Istio's CRDs keep the text, but the same time has one spelling here, so that
 * `90m` and `1h30m` are not a change.
 */
export function istioDuration(text: string): string {
  const total = milliseconds(text);
  return total % 1000 === 0 ? `${total / 1000}s` : `${total}ms`;
}
