import { z } from "zod";
import type { AccessRow } from "./types.ts";

const position = z.object({ file: z.string(), line: z.number(), col: z.number() });
const row = z.object({
  action: z.enum(["allow", "deny"]),
  from: z.string(),
  fromKind: z.enum(["workload", "namespace", "cidr", "user", "idpGroup", "awsRole", "agent"]),
  service: z.string(),
  port: z.number().int(),
  via: z.enum(["mesh", "proxy"]),
  point: z.string(),
  conditions: z.array(z.string()),
  grant: z.string(),
  position: position.nullish(),
});
const table = z.array(row);

/** The access table that a deployment recorded; undefined for anything else, such as a table of another version. */
export function readAccessTable(value: unknown): AccessRow[] | undefined {
  const read = table.safeParse(value);
  return read.success ? read.data.map((row) => ({ ...row, position: row.position ?? undefined })) : undefined;
}
