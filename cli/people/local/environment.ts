import { basename, dirname } from "node:path";
import type { Endpoint } from "./endpoint.ts";

/** Variables for a client's process; `undefined` takes one away. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * What makes a stock client of this protocol use the local endpoint by itself. What lies between client and endpoint is
 * this machine; from there on it is TLS to the proxy. So a client is told not to ask for TLS of its own.
 */
export function clientVariables(protocol: string, endpoint: Endpoint, servicePort: number): Variables {
  const own: Variables =
    endpoint.type === "port"
      ? { PORTREEVE_HOST: endpoint.host, PORTREEVE_PORT: String(endpoint.port) }
      : { PORTREEVE_SOCKET: endpoint.path };
  return { ...own, ...protocolVariables(protocol, endpoint, servicePort) };
}

function protocolVariables(protocol: string, endpoint: Endpoint, servicePort: number): Variables {
  switch (protocol) {
    case "postgres":
      // PGHOSTADDR would win over PGHOST; PGSSLMODE: libpq asks a server on TCP for TLS first by default.
      return {
        ...(endpoint.type === "port"
          ? { PGHOST: endpoint.host, PGPORT: String(endpoint.port) }
          : socketOfPostgres(endpoint.path, servicePort)),
        PGHOSTADDR: undefined,
        PGSSLMODE: "disable",
        PGGSSENCMODE: "disable",
      };
    case "mysql":
      return endpoint.type === "port"
        ? { MYSQL_HOST: endpoint.host, MYSQL_TCP_PORT: String(endpoint.port) }
        : { MYSQL_UNIX_PORT: endpoint.path };
    case "nats":
      return endpoint.type === "port" ? { NATS_URL: `nats://${endpoint.host}:${endpoint.port}` } : {};
    case "redis":
      return endpoint.type === "port" ? { REDIS_URL: `redis://${endpoint.host}:${endpoint.port}` } : {};
    case "amqp":
      return endpoint.type === "port" ? { AMQP_URL: `amqp://${endpoint.host}:${endpoint.port}` } : {};
    default:
      return {};
  }
}

/** libpq is given the folder and the port, and makes the socket's name of them. */
function socketOfPostgres(path: string, servicePort: number): Variables {
  const port = /^\.s\.PGSQL\.(\d+)$/.exec(basename(path))?.[1] ?? String(servicePort);
  return { PGHOST: dirname(path), PGPORT: port };
}

/** Replaces `{host}`, `{port}` and `{socket}` in a command's arguments, for clients without variables of their own. */
export function fillIn(args: readonly string[], endpoint: Endpoint): string[] {
  const values: Readonly<Record<string, string>> =
    endpoint.type === "port"
      ? { host: endpoint.host, port: String(endpoint.port) }
      : { socket: endpoint.path };
  return args.map((arg) =>
    arg.replace(/\{(host|port|socket)\}/g, (whole, name: string) => values[name] ?? whole),
  );
}
