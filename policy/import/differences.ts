import type { Position } from "../finding.ts";
import { sortedSet } from "../model/canonical.ts";
import { type Caller, callerText } from "./callers.ts";
import { type Mask, NOWHERE, type Regions } from "./regions.ts";
import type { Difference } from "./types.ts";

/** Somebody who was in no list when the grants were made. */
export const FRESH = "unheard-of";

/** One connection, as it was judged. */
export interface Judged {
  readonly service: string;
  readonly port: number;
  /** Null for plaintext. */
  readonly caller: Caller | null;
  /** The region of its address. */
  readonly region: number;
  readonly before: boolean;
  /** The model's verdict, and that of what it compiles to: both must be today's. */
  readonly after: readonly boolean[];
  /** The rule that decides today. */
  readonly by: string | undefined;
}

interface Group {
  readonly change: Difference["change"];
  readonly service: string;
  readonly port: number;
  readonly by: string;
  readonly position: Position | undefined;
  readonly callers: Map<string, Mask>;
}

interface Context {
  readonly regions: Regions;
  readonly describe: (rule: string) => string;
  readonly positionOf: (rule: string) => Position | undefined;
}

/** Connections whose verdicts differ, told together where the same decides about them. */
export class Differences {
  readonly #context: Context;
  readonly #groups = new Map<string, Group>();

  constructor(context: Context) {
    this.#context = context;
  }

  add({ service, port, caller, region, before, after, by }: Judged): void {
    if (after.every((allowed) => allowed === before)) return;
    const change = before ? "narrower" : "wider";
    const { describe, positionOf } = this.#context;
    const reason =
      by !== undefined ? describe(by) : before ? "no policy keeps them out" : "no policy lets them in";
    const key = JSON.stringify([change, service, port, reason]);
    const group: Group = this.#groups.get(key) ?? {
      change,
      service,
      port,
      by: reason,
      position: by === undefined ? undefined : positionOf(by),
      callers: new Map(),
    };
    this.#groups.set(key, group);
    const who = nameOf(caller);
    group.callers.set(who, (group.callers.get(who) ?? NOWHERE) | (1n << BigInt(region)));
  }

  list(): Difference[] {
    const { regions } = this.#context;
    return [...this.#groups.values()].map(({ callers, position, ...group }) => ({
      ...group,
      callers: sortedSet([...callers].map(([caller, mask]) => `${caller}${regions.text(mask)}`)),
      ...(position && { position }),
    }));
  }
}

function nameOf(caller: Caller | null): string {
  if (caller === null) return "plaintext";
  if (caller.account !== FRESH) return callerText(caller);
  return caller.kind === "other namespace"
    ? "namespaces that are not known"
    : `other accounts of ${caller.namespace}`;
}
