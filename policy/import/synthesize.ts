import { sortedSet } from "../model/canonical.ts";
import type { Caller, Callers } from "./callers.ts";
import { type Mask, NOWHERE, type Regions } from "./regions.ts";
import type { Cell } from "./today.ts";
import type { OpenAs } from "./types.ts";

/** One subject at one port: what a grant has to say of it. */
export interface Entry {
  readonly action: "allow" | "deny";
  /** Everybody by address, a namespace, or a workload as `namespace/account`. */
  readonly subject: { readonly kind: "anyone" | "namespace" | "workload"; readonly name: string };
  readonly mask: Mask;
  /** The rules of today that it comes from. */
  readonly by: readonly string[];
}

export interface PortAccess {
  readonly entries: readonly Entry[];
  /** Everybody in the mesh gets in today, from everywhere. */
  readonly open: boolean;
}

/**
 * Grants that give exactly today's verdicts at one port: not a translation of rules, but read off what they do to everybody
 * whom they can tell apart. So negations, wildcards, rules that TCP drops and denies come out right without a case each.
 *
 * Three layers, the narrower on top of the wider: addresses from which even unknown namespaces get in; namespaces; accounts
 * within them. Each layer allows what it adds, and denies what the layer below gave too much. A deny wins over every allow,
 * so one that would hit an account that is let in today is not made: then the layer below gives less. Everywhere but in a
 * few blocks is an allow and a deny of the blocks, which reads better than the many blocks around them.
 */
export function synthesize(
  callers: Callers,
  cellOf: (caller: Caller) => Cell,
  regions: Regions,
  openAs: OpenAs,
): PortAccess {
  const cells = new Map<Caller, Cell>();
  const cell = (caller: Caller): Cell => {
    const known = cells.get(caller) ?? cellOf(caller);
    cells.set(caller, known);
    return known;
  };
  const common = (some: readonly Caller[]): Mask =>
    some.reduce((mask, caller) => mask & cell(caller).mask, regions.everywhere);
  const byOf = (some: readonly Caller[]): string[] => sortedSet(some.flatMap((caller) => cell(caller).by));
  const againstOf = (some: readonly Caller[]): string[] =>
    sortedSet(some.flatMap((caller) => cell(caller).against));
  const named = Map.groupBy(callers.named, ({ namespace }) => namespace);
  const others = Map.groupBy(callers.otherAccounts, ({ namespace }) => namespace);

  let anyone = common(callers.otherNamespaces);
  const open = anyone === regions.everywhere;
  if (open && openAs !== "anyone") anyone = NOWHERE;
  for (const namespace of callers.namespaces) {
    const taken = anyone & ~common(others.get(namespace) ?? []);
    const lost = (named.get(namespace) ?? []).some((caller) => (cell(caller).mask & taken) !== NOWHERE);
    if (lost) anyone &= ~taken;
  }

  const entries: Entry[] = [];
  const add = (action: Entry["action"], subject: Entry["subject"], mask: Mask, by: readonly string[]) => {
    if (mask !== NOWHERE) entries.push({ action, subject, mask, by });
  };
  add("allow", { kind: "anyone", name: "" }, anyone, byOf(callers.otherNamespaces));
  for (const namespace of callers.namespaces) {
    const rest = others.get(namespace) ?? [];
    const whole = common(rest);
    const subject = { kind: "namespace", name: namespace } as const;
    const members = named.get(namespace) ?? [];
    if ((whole & ~anyone) !== NOWHERE) {
      const gap = regions.everywhere & ~whole;
      const simpler =
        regions.simplerAsGap(whole) && members.every((caller) => (cell(caller).mask & gap) === NOWHERE);
      add("allow", subject, simpler ? regions.everywhere : whole, byOf(rest));
      if (simpler) add("deny", subject, gap, againstOf(rest));
      else add("deny", subject, anyone & ~whole, againstOf(rest));
    } else add("deny", subject, anyone & ~whole, againstOf(rest));
    for (const caller of members) {
      const { mask, by, against } = cell(caller);
      const self = { kind: "workload", name: `${namespace}/${caller.account}` } as const;
      if ((mask & ~whole) !== NOWHERE) {
        const simpler = regions.simplerAsGap(mask);
        add("allow", self, simpler ? regions.everywhere : mask, by);
        add("deny", self, simpler ? regions.everywhere & ~mask : whole & ~mask, against);
      } else add("deny", self, whole & ~mask, against);
    }
  }
  return { entries, open };
}
