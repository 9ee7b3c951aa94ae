import { z } from "zod";
import { CliError } from "../exit.ts";
import { messageOf } from "../people/private-file.ts";
import { askAdmin, jsonOf } from "./admin.ts";
import { whoOf } from "./who.ts";

const connection = z.object({
  id: z.string(),
  since: z.string(),
  phase: z.string(),
  listener: z.string(),
  source: z.string(),
  principal: z.object({
    workload: z.string().optional(),
    agent: z.string().optional(),
    person: z.object({ user: z.string().optional(), awsRole: z.string().optional() }).optional(),
  }),
  service: z.string().optional(),
  port: z.number(),
  upstream: z.string().optional(),
  rule: z.string().nullable(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
});
const policy = z.object({
  digest: z.string(),
  commit: z.string().optional(),
  lastReloadError: z.string().optional(),
});

/** A live connection, by what is shown of it. */
export interface Live {
  readonly id: string;
  readonly admin: string;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly phase: string;
  readonly who: string;
  readonly source: string;
  /** `name:port`; `-` while it is not known which. */
  readonly service: string;
  readonly upstream: string;
  /** The grant that lets it in; empty while it is not judged. */
  readonly rule: string;
  /** To the client, and from it. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What one proxy says of itself, or why it does not. */
export interface ProxyView {
  readonly admin: string;
  readonly policy: z.infer<typeof policy> | undefined;
  readonly connections: readonly Live[];
  /** Why nothing is known of it now; undefined when it answers. */
  readonly problem: string | undefined;
  /** How long it took to answer. */
  readonly tookMs: number;
}

/** Asks every proxy at the same time; one that does not answer does not keep the others from it. */
export function readProxies(command: string, admins: readonly string[]): Promise<ProxyView[]> {
  return Promise.all(
    admins.map(async (admin) => {
      const begun = performance.now();
      try {
        const [connections, inForce] = await Promise.all([
          readConnections(command, admin),
          get(command, admin, "/policy", policy),
        ]);
        const tookMs = performance.now() - begun;
        return { admin, policy: inForce, connections, problem: undefined, tookMs };
      } catch (error) {
        const problem = messageOf(error);
        return { admin, policy: undefined, connections: [], problem, tookMs: performance.now() - begun };
      }
    }),
  );
}

async function readConnections(command: string, admin: string): Promise<Live[]> {
  const read = await get(command, admin, "/connections", z.array(connection));
  return read.map(({ since, service, port, upstream, rule, principal, source, ...rest }) => ({
    id: rest.id,
    admin,
    since: Date.parse(since),
    phase: rest.phase,
    who: whoOf({
      workload: principal.workload,
      user: principal.person?.user,
      role: principal.person?.awsRole,
      agent: principal.agent,
      source,
    }),
    source,
    service: service === undefined ? "-" : `${service}:${port}`,
    upstream: upstream ?? "",
    rule: rule ?? "",
    bytesSent: rest.bytesSent,
    bytesReceived: rest.bytesReceived,
  }));
}

async function get<T>(command: string, admin: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const { status, text } = await askAdmin({ command, admin, method: "GET", path });
  const said = text.trim().slice(0, 200);
  if (status !== 200) throw new CliError(`${command}: the proxy at ${admin} answers ${status}: ${said}`);
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) throw new CliError(`${command}: ${admin} is no admin interface of a Portreeve proxy`);
  return parsed.data;
}
