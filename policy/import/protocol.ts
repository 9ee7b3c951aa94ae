import type { Protocol } from "../schema/index.ts";

/** What a port of a Kubernetes Service or ServiceEntry says of its protocol. */
export interface NamedPort {
  readonly number: number;
  readonly name?: string | null | undefined;
  readonly appProtocol?: string | null | undefined;
}

export interface PortProtocol {
  readonly protocol: Protocol;
  /** Istio parses HTTP on it, so that conditions on requests count. */
  readonly http: boolean;
  /** By `appProtocol` or the name's prefix; else Istio looks at the first bytes. */
  readonly declared: boolean;
}

const HTTP: ReadonlySet<string> = new Set([
  "http",
  "http2",
  "grpc",
  "grpc-web",
  "kubernetes.io/h2c",
  "kubernetes.io/ws",
]);

const BY_NAME: Readonly<Record<string, Protocol>> = {
  tcp: "tcp",
  tls: "tls",
  https: "tls",
  mysql: "mysql",
  mongo: "mongo",
  redis: "redis",
  postgres: "postgres",
  postgresql: "postgres",
  pg: "postgres",
  kafka: "kafka",
  amqp: "amqp",
  amqps: "amqp",
  mqtt: "mqtt",
  nats: "nats",
  grpc: "grpc",
};

/** IANA's numbers, and those that the servers themselves come with. */
const BY_NUMBER: Readonly<Record<number, Protocol>> = {
  1883: "mqtt",
  3306: "mysql",
  4222: "nats",
  5432: "postgres",
  5672: "amqp",
  6379: "redis",
  9092: "kafka",
  27017: "mongo",
};

/**
 * The protocol of a port: `appProtocol`, else a known word at the beginning of the name (as Istio reads it, `tcp-…`), else
 * any known word in it (`tcp-postgres`), else the number.
 */
export function portProtocol({ number, name, appProtocol }: NamedPort): PortProtocol {
  const stated = (appProtocol ?? "").toLowerCase();
  const words = (name ?? "").toLowerCase().split("-");
  const [first = ""] = words;
  const web = (name ?? "").toLowerCase().startsWith("grpc-web") ? "grpc-web" : first;
  const http = HTTP.has(stated) || (stated === "" && HTTP.has(web));
  const declared = http || BY_NAME[stated] !== undefined || (stated === "" && BY_NAME[first] !== undefined);
  const protocol =
    BY_NAME[stated] ?? specific(words) ?? (http ? undefined : BY_NUMBER[number]) ?? BY_NAME[first] ?? "tcp";
  return { protocol, http, declared };
}

/** The first word that says more than `tcp`. */
function specific(words: readonly string[]): Protocol | undefined {
  return words.map((word) => BY_NAME[word]).find((found) => found !== undefined && found !== "tcp");
}
