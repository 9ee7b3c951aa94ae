import { CliError } from "../exit.ts";
import { Authorizer } from "../people/authorization.ts";
import { chooseContext } from "../people/contexts.ts";
import { listAccess } from "../people/proxy/access.ts";
import type { Beneficiary } from "./documents.ts";

export interface WhoOptions {
  readonly group?: string;
  readonly agent?: string;
  readonly as?: string;
  readonly context?: string;
}

/**
 * For whom access is asked: the one that is named, else whoever is signed in, as the proxy has verified.
 *
 * @throws CliError when that cannot be told
 */
export async function beneficiary({ group, agent, as, context }: WhoOptions): Promise<Beneficiary> {
  if ([group, agent, as].filter((one) => one !== undefined).length > 1) {
    throw new CliError("request: --group, --agent and --as exclude each other");
  }
  if (group !== undefined) return { type: "group", name: group };
  if (agent !== undefined) return { type: "agent", name: agent };
  if (as !== undefined) return { type: "user", user: as };
  const user = await signedInUser(context);
  return { type: "user", user };
}

async function signedInUser(context: string | undefined): Promise<string> {
  try {
    const { principal } = await listAccess(new Authorizer(chooseContext(context)));
    if (principal.agent === undefined && principal.user !== undefined) return principal.user;
    throw new CliError("the proxy does not take you for a person");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(
      `request: for whom? Name yourself with --as PROVIDER:USER, or give --group or --agent.\n  (${why})`,
      undefined,
      { cause },
    );
  }
}
