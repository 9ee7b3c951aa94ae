import { type Block, parseBlock } from "../../decide/address.ts";
import { namespaceOfPath, splitSpiffeId } from "../../decide/key.ts";
import type { Via } from "../../decide/rule.ts";
import type { AccessRow } from "../../model/types.ts";

/** A row of the access table with its conditions made ready to be compared. */
export interface AccessRule {
  readonly row: AccessRow;
  readonly action: "allow" | "deny";
  /** The name that the row has for who it is about; undefined when that is an address. */
  readonly key: string | undefined;
  readonly via: Via;
  readonly notBefore: number;
  readonly expires: number;
  /** Each of them must hold the source address. */
  readonly addresses: readonly (readonly Block[])[];
  readonly sni: readonly string[] | undefined;
  /** Limits and what else an open connection is subject to. */
  readonly terms: string;
  /** The same for rules that decide the same. */
  readonly signature: string;
}

/**
 * Reads a row of the access table. The words of its conditions are those that `accessTable` writes.
 *
 * @throws TypeError for a condition that it does not know: a table of another version must not be half-understood.
 */
export function accessRule(row: AccessRow): AccessRule {
  const terms: string[] = [];
  const addresses: (readonly Block[])[] = row.fromKind === "cidr" ? [blocks(row.from)] : [];
  let notBefore = Number.NEGATIVE_INFINITY;
  let expires = Number.POSITIVE_INFINITY;
  let sni: readonly string[] | undefined;
  for (const condition of row.conditions) {
    const [, word = "", value = ""] = /^(from|until|source|SNI|at most) (.*)$/s.exec(condition) ?? [];
    if (word === "from") notBefore = instant(value);
    else if (word === "until") expires = instant(value);
    else if (word === "source") addresses.push(blocks(value));
    else if (word === "SNI") sni = value.toLowerCase().split(", ");
    else if (word === "at most") terms.push(condition);
    else throw new TypeError(`access table: unknown condition "${condition}" of ${row.grant}`);
  }
  return {
    row,
    action: row.action,
    key: row.fromKind === "cidr" ? undefined : row.from,
    via: row.via,
    notBefore,
    expires,
    addresses,
    sni,
    terms: terms.join(", "),
    signature: `${row.action} ${row.fromKind} ${row.from} ${row.via} ${row.conditions.join("; ")}`,
  };
}

function blocks(text: string): readonly Block[] {
  return text.split(", ").map((cidr) => {
    const block = parseBlock(cidr);
    if (!block) throw new TypeError(`access table: "${cidr}" is not an address block`);
    return block;
  });
}

function instant(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new TypeError(`access table: "${text}" is not an instant`);
  return time;
}

/** The name under which the table has a workload's whole namespace. */
export function namespaceName(workload: string): string | undefined {
  const path = splitSpiffeId(workload)?.path;
  const namespace = path === undefined ? workload.split("/")[0] : namespaceOfPath(path);
  return namespace === undefined ? undefined : `namespace:${namespace}`;
}
