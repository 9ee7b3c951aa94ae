/**
 * What Istio takes a port's protocol to be: `detect` when it waits for the client's first bytes to find out, `http` for
 * everything that it parses as HTTP.
 */
export type PortProtocol = "detect" | "http" | "tcp" | "tls" | "mongo" | "redis" | "mysql";

const KNOWN: ReadonlyMap<string, PortProtocol> = new Map([
  ["tcp", "tcp"],
  ["grpc", "http"],
  ["grpc-web", "http"],
  ["http", "http"],
  ["http_proxy", "http"],
  ["http2", "http"],
  ["https", "tls"],
  ["tls", "tls"],
  ["mongo", "mongo"],
  ["redis", "redis"],
  ["mysql", "mysql"],
  ["kubernetes.io/h2c", "http"],
  ["kubernetes.io/ws", "http"],
  ["kubernetes.io/wss", "tls"],
]);

/** Ports of a Service that are never sniffed, whatever their name (pkg/config/kube/conversion.go). */
const NEVER_DETECTED: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** The protocol of a port of a Kubernetes Service: `appProtocol`, else the name up to its first hyphen. */
export function serviceProtocol(port: number, name: string, appProtocol: string | undefined): PortProtocol {
  const text = (appProtocol ?? name).toLowerCase();
  const known =
    KNOWN.get(text) ?? (text.startsWith("grpc-web") ? "http" : KNOWN.get(text.split("-")[0] ?? ""));
  return known ?? (NEVER_DETECTED.has(port) ? "tcp" : "detect");
}

/** The protocol of a port of a ServiceEntry, which is stated and never guessed from the name. */
export function entryProtocol(protocol: string | undefined): PortProtocol {
  return KNOWN.get((protocol ?? "").toLowerCase()) ?? "detect";
}
