import { brokerFor } from "../broker/broker-for.ts";
import type { Connection } from "../connection.ts";
import type { LaterTls } from "./later-tls.ts";
import { MysqlLogin } from "./mysql-login.ts";
import { mysqlPeers } from "./mysql-peers.ts";

/** Names for the record. */
export interface LoginNames {
  /** As whom somebody logged in. */
  readonly user?: string | undefined;
  readonly database?: string | undefined;
  /** Whom the client asked to be, where the proxy logged it in as another. */
  readonly askedUser?: string | undefined;
  readonly application?: string | undefined;
}

/**
 * Somebody who stands between client and server until the login is over, instead of the relay. Ends by
 * `connection.loggedIn`, with what it has read too far on either side, or by `connection.finish`; neither within
 * `middleFor`. `limits.handshakeTimeout` bounds it.
 */
export interface Middle {
  fromClient(bytes: Uint8Array): void;
  fromServer(bytes: Uint8Array): void;
  /** Who logged in, once that is known; for the record. */
  readonly names?: LoginNames | undefined;
}

/**
 * Chooses who stands in the middle of a connection to its endpoint; undefined when bytes pass as they are from the start.
 *
 * @param later given when TLS to the endpoint has not begun yet; what the endpoint has said first is handed on afterwards
 */
export function middleFor(connection: Connection, later: LaterTls | undefined): Middle | undefined {
  const broker = brokerFor(connection, later);
  if (broker) return broker;
  const protocol = connection.service?.port(connection.servicePort)?.protocol;
  // MySQL whose TLS begins inside its protocol on either side.
  if (protocol === "mysql" && (connection.mysqlGreeted || later)) {
    const setting = { greeted: connection.mysqlGreeted, serverTls: later !== undefined };
    return new MysqlLogin(mysqlPeers(connection, later), setting);
  }
  return undefined;
}
