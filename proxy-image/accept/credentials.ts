import type { PrincipalChain } from "../../policy/decide/index.ts";
import type { Connection } from "../connection.ts";
import type { ConnectHead } from "../protocol/connect-head.ts";

/** A head that was read to its end. */
export type CompleteHead = Extract<ConnectHead, { readonly state: "done" }>;

/** Whom a credential names, or how the client is told that it counts for nothing here. */
export type Verified =
  | {
      readonly ok: true;
      /** The whole chain: with the workload of the client's certificate, if it showed one. */
      readonly principal: PrincipalChain;
      /** When the connection must end because of it, epoch milliseconds. */
      readonly until: number;
    }
  | { readonly ok: false; readonly status: number; readonly why: string };

/** Verifies what people and agents show on the shared port. */
export interface Credentials {
  /** May have to fetch keys; meanwhile the client's bytes are held and its handshake's deadline runs. Does not reject. */
  verify(head: CompleteHead, connection: Connection): Promise<Verified>;
}
