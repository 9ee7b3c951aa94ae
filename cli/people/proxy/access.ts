import type { z } from "zod";
import { CliError } from "../../exit.ts";
import type { Authorizer } from "../authorization.ts";
import { type AccessAnswer, type AccessList, accessAnswer, accessList } from "./answers.ts";
import { getJson } from "./request.ts";

/** What the holder of the credential may reach now. @throws CliError or ProxyRefusal */
export async function listAccess(authorizer: Authorizer): Promise<AccessList> {
  return checked(authorizer, accessList, await getJson(authorizer, "/v1/access"));
}

/** Whether one port may be reached, and if not, why. @throws CliError or ProxyRefusal */
export async function askAccess(
  authorizer: Authorizer,
  service: string,
  port: number,
): Promise<AccessAnswer> {
  return checked(authorizer, accessAnswer, await getJson(authorizer, `/v1/access/${service}:${port}`));
}

function checked<T>({ context }: Authorizer, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError(
    `${context.proxy.address} answers in a form that this version does not know (${issue?.path.join(".")}: ${issue?.message}).\n` +
      "Is it a Portreeve proxy, and as new as this command?",
  );
}
