import { CliError } from "../../exit.ts";
import type { Identity } from "../contexts.ts";
import type { StoredCredential } from "../store/stored.ts";
import { clientToken } from "./client-credentials.ts";
import { discover, explain } from "./provider.ts";
import { exchangedToken } from "./token-exchange.ts";

/** A token for who needs no person to get one. @throws CliError when the provider gives none */
export async function machineToken(
  identity: Extract<Identity, { readonly type: "client-credentials" | "token-exchange" }>,
): Promise<StoredCredential> {
  const configuration = await discover(identity);
  try {
    return identity.type === "client-credentials"
      ? await clientToken(configuration, identity)
      : await exchangedToken(configuration, identity);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`${identity.issuer} gave no token: ${explain(cause)}`, undefined, { cause });
  }
}
