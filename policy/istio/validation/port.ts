import { isDnsLabel } from "./labels.ts";

/** What is wrong with a port number, or undefined. */
export function portProblem(port: number): string | undefined {
  return port >= 1 && port <= 65535 ? undefined : `port ${port} is not in the range 1 to 65535`;
}

/** What is wrong with a port's name, or undefined. */
export function portNameProblem(name: string): string | undefined {
  return isDnsLabel(name) ? undefined : `port name ${JSON.stringify(name)} is not a DNS label`;
}

/** Istio's protocols, by how it writes them in lower case. HBONE is not one that a user may name. */
const PROTOCOLS = {
  tcp: "tcp",
  udp: "udp",
  grpc: "http",
  "grpc-web": "http",
  http: "http",
  http_proxy: "http",
  http2: "http",
  https: "tls",
  tls: "tls",
  mongo: "tcp",
  redis: "tcp",
  mysql: "tcp",
} as const;

type ProtocolClass = (typeof PROTOCOLS)[keyof typeof PROTOCOLS] | "unsupported";

function classOf(protocol: string): ProtocolClass {
  const name = protocol.toLowerCase();
  return name in PROTOCOLS ? PROTOCOLS[name as keyof typeof PROTOCOLS] : "unsupported";
}

export function isSupportedProtocol(protocol: string): boolean {
  return classOf(protocol) !== "unsupported";
}

/** What is wrong with a protocol, or undefined. Unset means that the protocol is detected. */
export function protocolProblem(protocol: string): string | undefined {
  if (protocol === "" || isSupportedProtocol(protocol)) return undefined;
  const names = Object.keys(PROTOCOLS).map((name) => name.toUpperCase());
  return `protocol ${JSON.stringify(protocol)} is not supported; use one of ${names.join(", ")}`;
}

export function isHttp(protocol: string): boolean {
  return classOf(protocol) === "http";
}

/** HTTPS or TLS. */
export function isTls(protocol: string): boolean {
  return classOf(protocol) === "tls";
}

/** Carried by TCP and not HTTP: HTTPS and TLS count. */
export function isTcp(protocol: string): boolean {
  return classOf(protocol) === "tcp" || isTls(protocol);
}
