import type { AccessRow } from "../../policy/model/types.ts";

/**
 * The access table for programs:
 * `{"version":1,"digest","cluster","access":[{"action","from","fromKind","service","port","via","point","conditions","grant",
 * "position"?}]}`. `version` changes when a field changes its meaning or goes; fields may be added.
 */
export function accessJson(rows: readonly AccessRow[], digest: string, cluster: string): string {
  return `${JSON.stringify({ version: 1, digest, cluster, access: rows }, null, 2)}\n`;
}
