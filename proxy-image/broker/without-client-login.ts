import type { Connection } from "../connection.ts";
import { NOTHING } from "./login.ts";
import type { RedisClientLogin } from "./redis-client-login.ts";

/** What the endpoint gets of the client's bytes. The proxy's own answers go to the client before any of the endpoint's. */
export function withoutClientLogin(
  connection: Connection,
  login: RedisClientLogin,
  bytes: Uint8Array,
): Uint8Array {
  const { toServer, toClient, over, askedUser, error } = login.take(bytes);
  if (toClient.length > 0) connection.toClient.push(toClient);
  if (over) connection.clientLogin = undefined;
  if (askedUser !== undefined && askedUser !== connection.loginUser)
    connection.notes = { ...connection.notes, "db.asked_user": askedUser };
  if (error !== undefined) {
    connection.finish("protocol-refused", error);
    return NOTHING;
  }
  return toServer;
}
