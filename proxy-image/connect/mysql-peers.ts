import type { Connection } from "../connection.ts";
import { writeError, writePacket } from "../protocol/mysql-packets.ts";
import type { LaterTls } from "./later-tls.ts";
import type { LoginPeers } from "./mysql-login.ts";

/** Connects a MySQL login to the two sides of its connection. Its bytes are counted like all others. */
export function mysqlPeers(connection: Connection, later: LaterTls | undefined): LoginPeers {
  return {
    toClient: (bytes) => {
      connection.client.write(bytes);
      connection.toClient.bytes += bytes.length;
    },
    toServer: (bytes) => {
      connection.upstream?.write(bytes);
      connection.toService.bytes += bytes.length;
    },
    secure: (request, then) => {
      later?.start(request, (secured, error) => {
        // The client may have gone meanwhile: then its login is nobody's.
        if (connection.phase !== "relay") secured?.terminate();
        else if (secured) {
          connection.upstreamSecured(secured);
          then();
        } else connection.finish("connect-failed", error);
      });
    },
    done: (fromClient, fromServer) => connection.loggedIn(fromClient, fromServer),
    failed: (why) => {
      const error = writeError(1043, "08S01", `portreeve: ${why}`);
      connection.client.write(writePacket(connection.mysqlGreeted ? 3 : 2, error));
      connection.finish("protocol-refused", why);
    },
  };
}
