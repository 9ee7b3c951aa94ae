/** What Envoy calls a destination of Istio's: host, the Service's port, and subset. */
export interface ClusterId {
  readonly host: string;
  readonly port: number;
  readonly subset: string | undefined;
}

/** `outbound|5432|v1|db.shop.svc.cluster.local`, as in Envoy's configuration, logs and metrics. */
export function clusterName(host: string, port: number, subset?: string): string {
  return `outbound|${port}|${subset ?? ""}|${host}`;
}

/** Undefined for Istio's own two: PassthroughCluster and BlackHoleCluster. */
export function parseClusterName(name: string): ClusterId | undefined {
  const [direction, port, subset, host] = name.split("|");
  if (direction !== "outbound" || host === undefined) return undefined;
  return { host, port: Number(port), subset: subset || undefined };
}

/** Dials the address that the client dialled, as the sidecar was not there. */
export const PASSTHROUGH = "PassthroughCluster";
/** Closes the connection. */
export const BLACK_HOLE = "BlackHoleCluster";
