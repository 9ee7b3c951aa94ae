import type { Cell } from "./grid.ts";
import { holds } from "./grid.ts";
import type { AccessRule } from "./rule.ts";

/** The rules of one side that can speak about one party at one port. */
export interface Voices {
  /** Rules that name the party, or a set that it is in. */
  readonly named: readonly AccessRule[];
  /** Rules on addresses: they allow only a party that is the transport's peer, and deny any. */
  readonly byAddress: readonly AccessRule[];
  readonly isPeer: boolean;
  /** False where a party without a certificate is refused before any rule is asked. */
  readonly admitted: (cell: Cell) => boolean;
  /** What the party is subject to besides the limits of a grant. */
  readonly terms: string;
}

/** What one side says of one party in one cell. */
export interface CellVerdict {
  readonly open: boolean;
  readonly terms: string;
  /** The allow that lets it in, or would if no deny stood against it: the first one, as `decide` takes it. */
  readonly allow: AccessRule | undefined;
  readonly allows: readonly AccessRule[];
  readonly denies: readonly AccessRule[];
}

/** The verdict of `decide` on one link of a chain, for a whole cell. */
export function judge(voices: Voices, cell: Cell): CellVerdict {
  const matching = [...voices.named, ...voices.byAddress].filter((rule) => holds(rule, cell));
  const denies = matching.filter(({ action }) => action === "deny");
  const allows = matching.filter(
    ({ action, key }) => action === "allow" && (key !== undefined || voices.isPeer),
  );
  const [allow] = allows;
  const open = allow !== undefined && denies.length === 0 && voices.admitted(cell);
  const terms = open ? [allow.terms, voices.terms].filter((text) => text !== "").join(", ") : "";
  return { open, terms, allow, allows, denies };
}
