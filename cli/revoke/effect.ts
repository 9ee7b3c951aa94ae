import { CliError } from "../exit.ts";

/** A name of another form than identities have shuts nobody out, and looks as if it did. @throws CliError */
export function checkNames({
  user,
  role,
}: {
  readonly user?: string | undefined;
  readonly role?: string | undefined;
}): void {
  if (user !== undefined && !/^[^:]+:./.test(user))
    throw new CliError(`revoke: --user "${user}": write PROVIDER:USER, such as okta:${user}`);
  if (role !== undefined && !/^arn:[^:]+:iam::\d{12}:role\//.test(role))
    throw new CliError(`revoke: --role "${role}": write its ARN, arn:aws:iam::ACCOUNT:role/NAME`);
}

/** What holds from now on; an instant that has passed takes an earlier revocation back. */
export function effectOf(
  { connection, until }: { readonly connection?: string | undefined; readonly until?: number | undefined },
  now: number,
): string {
  if (connection !== undefined) return "";
  if (until === undefined) return ", and refused from now on";
  return until <= now
    ? ", and let in again from now on"
    : `, and refused until ${new Date(until).toISOString()}`;
}
