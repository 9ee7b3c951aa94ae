import type { AccessRow } from "../model/types.ts";

/** The access table as one commit has it. */
export interface Snapshot {
  readonly commit: string;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Undefined where the policies of the commit are not valid: nobody can tell who had access by them. */
  readonly rows: readonly AccessRow[] | undefined;
}

/** A line of the access table, and when it was in force as the commits have it. */
export interface Could {
  readonly row: AccessRow;
  /** The commit that brought it, and its time; undefined where it was there before the first commit looked at. */
  readonly from: { readonly commit: string; readonly time: number } | undefined;
  /** The commit that took it away; undefined where it is there now. */
  readonly until: { readonly commit: string; readonly time: number } | undefined;
}

/** Who could reach what, in every period between the first and the last snapshot; given oldest first. */
export function timeline(snapshots: readonly Snapshot[]): Could[] {
  const open = new Map<string, Could>();
  const ended: Could[] = [];
  for (const [index, { commit, time, rows }] of snapshots.entries()) {
    // What is not valid is not deployed: what was in force before stays.
    if (!rows) continue;
    const now = new Map(rows.map((row) => [keyOf(row), row]));
    for (const [key, could] of open) {
      const row = now.get(key);
      if (row) open.set(key, { ...could, row });
      else {
        ended.push({ ...could, until: { commit, time } });
        open.delete(key);
      }
    }
    const from = index === 0 ? undefined : { commit, time };
    for (const [key, row] of now) if (!open.has(key)) open.set(key, { row, from, until: undefined });
  }
  return [...open.values(), ...ended];
}

/** When each grant came into the policies and stayed; without those that were there at the first snapshot. */
export function grantsSince(snapshots: readonly Snapshot[]): Map<string, number> {
  const since = new Map<string, number>();
  let before: ReadonlySet<string> | undefined;
  for (const { time, rows } of snapshots) {
    if (!rows) continue;
    const names = new Set(rows.map(({ grant }) => grant));
    if (before) for (const name of names) if (!before.has(name)) since.set(name, time);
    before = names;
  }
  return since;
}

function keyOf({ action, from, service, port, via, conditions, grant }: AccessRow): string {
  return JSON.stringify([action, from, service, port, via, conditions, grant]);
}
