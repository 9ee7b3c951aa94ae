import type { LaterTls } from "../connect/later-tls.ts";
import type { Middle } from "../connect/middle.ts";
import type { Connection } from "../connection.ts";
import { MysqlBrokeredLogin } from "./mysql-login.ts";
import { brokerPeers } from "./peers.ts";
import { PostgresLogin } from "./postgres-login.ts";
import { RedisClientLogin } from "./redis-client-login.ts";
import { RedisLogin } from "./redis-login.ts";

/** Who logs in for the client, where the service says that the proxy does; undefined where clients log in themselves. */
export function brokerFor(connection: Connection, later: LaterTls | undefined): Middle | undefined {
  const auth = connection.service?.config.auth;
  if (!auth) return undefined;
  const peers = brokerPeers(connection, auth, later);
  const protocol = connection.service?.port(connection.servicePort)?.protocol;
  switch (auth.type) {
    case "rds-iam":
      return protocol === "mysql"
        ? new MysqlBrokeredLogin(peers, connection.mysqlGreeted)
        : new PostgresLogin(peers);
    case "trust":
      return new PostgresLogin(peers);
    case "elasticache-iam":
      connection.clientLogin = new RedisClientLogin();
      return new RedisLogin(peers);
  }
}
