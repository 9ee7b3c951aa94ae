import { z } from "zod";
import { CliError } from "../exit.ts";
import { askAdmin, jsonOf } from "../live/admin.ts";
import { messageOf } from "../people/private-file.ts";

/** Whom to shut out: exactly one of them. */
export interface Revocation {
  readonly agent?: string;
  readonly user?: string;
  readonly role?: string;
  readonly connection?: string;
  /** RFC 3339; without it until the proxy restarts. */
  readonly until?: string;
}

const answer = z.object({ closed: z.number() });

/** What one proxy did. */
export interface Revoked {
  readonly admin: string;
  /** Connections that were ended. */
  readonly closed: number;
}

/**
 * Tells every proxy, at the same time; one that cannot be reached does not keep the others from it.
 *
 * @throws CliError when one did not do it, with what the others did
 */
export async function revokeAt(revocation: Revocation, admins: readonly string[]): Promise<Revoked[]> {
  const results = await Promise.allSettled(
    admins.map(async (admin) => ({ admin, closed: await revoke(revocation, admin) })),
  );
  const done = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = results.flatMap((result) =>
    result.status === "rejected" ? [messageOf(result.reason)] : [],
  );
  if (failed.length === 0) return done;
  const told = done.map(({ admin, closed }) => `${admin}: done, ${closed} ended`);
  throw new CliError([...failed, ...told].join("\n"));
}

/**
 * Tells a proxy to end every connection of somebody, and to refuse them from now on.
 *
 * @param admin `http://127.0.0.1:PORT` or the path of a Unix socket
 * @returns how many connections were ended
 * @throws CliError when the proxy did not do it
 */
async function revoke(revocation: Revocation, admin: string): Promise<number> {
  const { status, text } = await askAdmin({
    command: "revoke",
    admin,
    method: "POST",
    path: "/revoke",
    body: JSON.stringify(revocation),
  });
  if (status !== 200) throw new CliError(`revoke: the proxy at ${admin} answers ${status}: ${text.trim()}`);
  const parsed = answer.safeParse(jsonOf(text));
  if (!parsed.success) throw new CliError(`revoke: ${admin} is no admin interface of a Portreeve proxy`);
  return parsed.data.closed;
}
