import { z } from "zod";
import { jsonOf } from "./admin.ts";
import { whoOf } from "./who.ts";

const text = z.string().optional().catch(undefined);
const line = z.object({
  time: z.string(),
  event: z.enum(["close", "update"]),
  connection: z.string(),
  "src.addr": text,
  "src.identity": text,
  "src.user": text,
  "src.groups": z.array(z.string()).optional().catch(undefined),
  "src.role": text,
  "src.agent": text,
  "dst.service": text,
  "dst.port": z.number().optional().catch(undefined),
  verdict: z.enum(["allow", "deny", "none"]),
  reason: text,
  rule: text,
  position: text,
  policy: text,
  sni: text,
  close: text,
  error: text,
});

/** The record of a connection that ended, by what is shown of it; nothing else of a record gets any further. */
export interface Seen extends z.infer<typeof line> {
  readonly who: string;
  /** `name:port`; `-` when it is not known which. */
  readonly service: string;
}

/** A line of a file with records; undefined for a line of another kind, and for one that is no record. */
export function seenIn(text: string): Seen | undefined {
  const parsed = line.safeParse(jsonOf(text));
  if (!parsed.success || parsed.data.event !== "close") return undefined;
  const record = parsed.data;
  const { "dst.service": service, "dst.port": port } = record;
  return {
    ...record,
    who: whoOf({
      workload: record["src.identity"],
      user: record["src.user"],
      role: record["src.role"],
      agent: record["src.agent"],
      source: record["src.addr"],
    }),
    service: service === undefined ? "-" : `${service}:${port ?? "?"}`,
  };
}
