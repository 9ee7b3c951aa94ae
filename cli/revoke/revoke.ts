import { request } from "node:http";
import { z } from "zod";
import { CliError } from "../exit.ts";
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
const TIMEOUT_MS = 10_000;

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
  const told = done.map(({ admin, closed }) => `${admin}: ${closed} ended, and refused from now on`);
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
  const { status, text } = await post(admin, JSON.stringify(revocation));
  if (status !== 200) throw new CliError(`revoke: the proxy at ${admin} answers ${status}: ${text.trim()}`);
  const parsed = answer.safeParse(jsonOf(text));
  if (!parsed.success) throw new CliError(`revoke: ${admin} is no admin interface of a Portreeve proxy`);
  return parsed.data.closed;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function post(admin: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    readonly status: number;
    readonly text: string;
  }>();
  const sent = request(
    {
      ...whereIs(admin),
      method: "POST",
      path: "/revoke",
      timeout: TIMEOUT_MS,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.once("error", reject);
    },
  );
  sent.once("timeout", () => sent.destroy(new Error("no answer in 10 seconds")));
  sent.once("error", (cause) =>
    reject(
      new CliError(`revoke: the proxy at ${admin}: ${cause.message || "cannot be reached"}`, undefined, {
        cause,
      }),
    ),
  );
  sent.end(body);
  return promise;
}

function whereIs(admin: string): { socketPath: string } | { host: string; port: string } {
  if (!/^https?:/.test(admin)) return { socketPath: admin };
  const url = URL.parse(admin);
  // The admin interface has no password: it is for loopback, and to send it elsewhere in the clear is a mistake.
  if (url?.protocol !== "http:" || !/^(127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname)) {
    throw new CliError(
      `revoke: --admin ${admin}: give http://127.0.0.1:PORT (kubectl port-forward makes one) or the path of a socket`,
    );
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port || "80" };
}
