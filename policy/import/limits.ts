import type { ServiceSpecInput } from "../schema/index.ts";
import { duration, milliseconds } from "../schema/primitives.ts";
import type { DestinationRuleObject } from "./objects.ts";
import type { Placed } from "./read.ts";

type Limits = Pick<ServiceSpecInput, "limits" | "outlierDetection">;

/** A DestinationRule as limits of a Service, and what of it has no equal. */
export function limitsOf(rule: Placed<DestinationRuleObject>): {
  readonly limits: Limits;
  readonly lost: readonly string[];
} {
  const { trafficPolicy: policy, subsets } = rule.object.spec;
  const tcp = policy?.connectionPool?.tcp;
  const outliers = policy?.outlierDetection;
  const lost: string[] = [];
  const time = (field: string, text: string | null | undefined): string | undefined => {
    if (text === null || text === undefined) return undefined;
    if (duration.safeParse(text).success) return text;
    const rounded = roundedDuration(text);
    lost.push(
      rounded === undefined
        ? `${field} "${text}" is left out: it is no positive time`
        : `${field} "${text}" is rounded to ${rounded}`,
    );
    return rounded;
  };
  const keepalive = tcp?.tcpKeepalive;
  const probes = {
    time: time("tcpKeepalive.time", keepalive?.time),
    interval: time("tcpKeepalive.interval", keepalive?.interval),
    probes: positive(keepalive?.probes),
  };
  const limits = defined({
    maxConnections: positive(tcp?.maxConnections),
    connectTimeout: time("connectTimeout", tcp?.connectTimeout),
    idleTimeout: time("idleTimeout", tcp?.idleTimeout),
    maxConnectionDuration: time("maxConnectionDuration", tcp?.maxConnectionDuration),
    tcpKeepalive: Object.values(probes).some((value) => value !== undefined) ? defined(probes) : undefined,
  });
  const outlierDetection = outliers
    ? defined({
        consecutiveFailures: positive(
          outliers.consecutive5xxErrors ?? outliers.consecutiveErrors ?? outliers.consecutiveGatewayErrors,
        ),
        interval: time("outlierDetection.interval", outliers.interval),
        baseEjectionTime: time("outlierDetection.baseEjectionTime", outliers.baseEjectionTime),
        // Istio's own default, which differs from ours.
        maxEjectionPercent: positive(outliers.maxEjectionPercent) ?? 10,
      })
    : undefined;
  if ((subsets ?? []).length > 0) lost.push("subsets are not imported: keep the rule if a route names them");
  if (policy?.connectionPool?.http !== undefined && policy.connectionPool.http !== null)
    lost.push("connectionPool.http is about HTTP; without it Istio's defaults hold");
  if (policy?.loadBalancer !== undefined && policy.loadBalancer !== null)
    lost.push("loadBalancer is not imported; without it Istio chooses the endpoint");
  if ((policy?.portLevelSettings ?? []).length > 0)
    lost.push("portLevelSettings are not imported: limits hold for a whole Service");
  return {
    limits: {
      ...(Object.keys(limits).length > 0 && { limits }),
      ...(outlierDetection && { outlierDetection }),
    },
    lost,
  };
}

function positive(value: number | null | undefined): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

/** Istio also takes fractions and microseconds (`1.5h`, `300us`), and zero for "off". */
function roundedDuration(text: string): string | undefined {
  const units: Readonly<Record<string, number>> = {
    h: 3_600_000,
    m: 60_000,
    s: 1000,
    ms: 1,
    us: 0.001,
    ns: 0,
  };
  let total = 0;
  for (const [, count = "0", unit = "s"] of text.matchAll(/([\d.]+)(ms|us|ns|h|m|s)/g))
    total += Number(count) * (units[unit] ?? 0);
  if (!(total > 0)) return undefined;
  const rounded = `${Math.max(1, Math.round(total))}ms`;
  return milliseconds(rounded) % 1000 === 0 ? `${milliseconds(rounded) / 1000}s` : rounded;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without keys that have no value. */
function defined<T extends object>(value: T): Defined<T> {
  const kept = Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
  // The keys that are left are of T, which Object.fromEntries cannot say.
  return kept as Defined<T>;
}
