import type { ProxyServiceAuth } from "../../policy/compile/proxy/config.ts";
import type { LaterTls } from "../connect/later-tls.ts";
import type { Connection } from "../connection.ts";
import { refusalMessage } from "../protocol/refusal.ts";
import { cancelElsewhere } from "./cancel-elsewhere.ts";
import type { BrokerPeers } from "./login.ts";
import { loginUser } from "./login-user.ts";

/**
 * Connects a brokered login to the two sides of its connection. What a side gets is counted as its bytes, the token
 * included; no byte of the token is written anywhere else.
 */
export function brokerPeers(
  connection: Connection,
  auth: ProxyServiceAuth,
  later: LaterTls | undefined,
): BrokerPeers {
  const toClient = (bytes: Uint8Array): void => {
    connection.client.write(bytes);
    connection.toClient.bytes += bytes.length;
  };
  let paused = false;
  return {
    toClient,
    pauseClient: () => {
      paused = true;
      connection.client.pause();
    },
    toServer: (bytes) => {
      connection.upstream?.write(bytes);
      connection.toService.bytes += bytes.length;
    },
    credential: (asked, then) => {
      credential(connection, auth, asked, then).catch((error: unknown) => {
        connection.finish("internal-error", error instanceof Error ? error.message : String(error));
      });
    },
    secure: (request, then) => {
      if (!later) {
        connection.finish("connect-failed", "there is no TLS to the endpoint");
        return;
      }
      later.start(request, (secured, error) => {
        if (connection.phase !== "relay") secured?.terminate();
        else if (secured) {
          connection.upstreamSecured(secured);
          then();
        } else connection.finish("connect-failed", error);
      });
    },
    cancelElsewhere: (request) => {
      cancelElsewhere(connection, request);
    },
    done: (fromClient, fromServer) => {
      // First, because what was held may be enough to pause the client again.
      if (paused) connection.client.resume();
      connection.loggedIn(fromClient, fromServer);
    },
    refused: (words, why) => {
      toClient(words);
      connection.finish("login-refused", why);
    },
    failed: (words, why) => {
      toClient(words);
      connection.finish("protocol-refused", why);
    },
  };
}

/** Always ends in a later turn: nobody has to reckon with an answer inside of the question. */
async function credential(
  connection: Connection,
  auth: ProxyServiceAuth,
  asked: string | undefined,
  then: (user: string, token: string) => void,
): Promise<void> {
  await Promise.resolve();
  if (connection.phase !== "relay") return;
  const chosen = loginUser(connection.rules, asked);
  if (!chosen.ok) {
    refuse(connection, chosen.why);
    return;
  }
  const { endpoint, service, servicePort } = connection;
  const port = service?.port(servicePort);
  const host = endpoint?.host ?? "";
  let token: string;
  try {
    token = await connection.state.loginTokens.token({
      service: service?.config.name ?? "",
      auth,
      host,
      port: endpoint?.port ?? port?.targetPort ?? servicePort,
      user: chosen.user,
    });
  } catch (error) {
    refuse(connection, error instanceof Error ? error.message : String(error));
    return;
  }
  if (connection.phase !== "relay") return;
  // The grants may have changed while the token was made.
  const now = loginUser(connection.rules, asked);
  if (!now.ok || now.user !== chosen.user) {
    refuse(connection, "the grants changed during the login");
    return;
  }
  connection.loginUser = chosen.user;
  then(chosen.user, token);
}

/** The record says why; the client, only that there is no credential. */
function refuse(connection: Connection, why: string): void {
  if (connection.phase !== "relay") return;
  const { service, servicePort } = connection;
  const name = service?.config.name ?? "";
  const protocol = service?.port(servicePort)?.protocol ?? "tcp";
  const words = refusalMessage(
    protocol,
    "credential-unavailable",
    name,
    connection.id,
    connection.mysqlGreeted ? 3 : 2,
  );
  if (words) {
    connection.client.write(words);
    connection.toClient.bytes += words.length;
  }
  connection.finish("credential-unavailable", why);
}
