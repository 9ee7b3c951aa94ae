import type { Position } from "../../finding.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { Model } from "../../model/types.ts";
import { type Cause, distinctCauses } from "../change.ts";
import type { AccessRule } from "./rule.ts";
import type { IndexedSide } from "./side.ts";
import { workloadIdOf } from "./surroundings.ts";

interface Known {
  /** The same text for the same content. */
  readonly content: string;
  readonly position: Position | undefined;
}

/** Every object of a model by `Kind/name`; a group with its members, so that it changes with them. */
function objectsOf(model: Model): ReadonlyMap<string, Known> {
  const found = new Map<string, Known>();
  const add = (id: string, position: Position | undefined, content: unknown): void => {
    found.set(id, { content: canonicalJson(content), position });
  };
  const { trust } = model;
  add("Trust", trust.position, [trust.labels, trust.spec]);
  for (const [name, { position, labels, spec }] of model.services)
    add(`Service/${name}`, position, [labels, spec]);
  for (const [id, { position, labels, spec }] of model.workloads)
    add(`Workload/${id}`, position, [labels, spec]);
  for (const [name, { position, ...group }] of model.groups)
    add(`Group/${name}`, position, { ...group, name: "" });
  for (const [name, { position, labels, spec }] of model.agents)
    add(`Agent/${name}`, position, [labels, spec]);
  for (const [name, { position, labels, spec }] of model.grants)
    add(`Grant/${name}`, position, [labels, spec]);
  for (const [name, { position, labels, spec }] of model.waivers)
    add(`Waiver/${name}`, position, [labels, spec]);
  return found;
}

/** What differs between the objects of two sides, and which change in access goes back to which of them. */
export class ObjectChanges {
  readonly #before: IndexedSide;
  readonly #after: IndexedSide;
  readonly #changed: ReadonlyMap<string, Cause>;
  /** A renamed object counts as the same: `Grant/a` was `Grant/b`. */
  readonly renames: readonly { readonly from: string; readonly to: string }[];

  constructor(before: IndexedSide, after: IndexedSide) {
    this.#before = before;
    this.#after = after;
    const [old, now] = [before.side.model, after.side.model].map((model) =>
      model ? objectsOf(model) : new Map<string, Known>(),
    );
    this.#changed = new Map(
      before.side.model && after.side.model ? changes(old ?? new Map(), now ?? new Map()) : [],
    );
    this.renames = renames([...this.#changed.values()], old ?? new Map(), now ?? new Map());
  }

  /** All of them, sorted. */
  get all(): readonly Cause[] {
    return distinctCauses(this.#changed.values());
  }

  of(id: string): Cause | undefined {
    return this.#changed.get(id);
  }

  /** The objects behind rules of either side: grants that changed; where a grant did not, whom it names. */
  behind(before: readonly AccessRule[], after: readonly AccessRule[]): Cause[] {
    const causes = [
      ...before.flatMap((rule) => this.#behindRule(rule, this.#before)),
      ...after.flatMap((rule) => this.#behindRule(rule, this.#after)),
    ];
    return distinctCauses(causes);
  }

  #behindRule({ row }: AccessRule, side: IndexedSide): Cause[] {
    const id = `Grant/${row.grant}`;
    const own = this.#changed.get(id);
    if (own) return [own];
    const { model } = side.side;
    const grant = model?.grants.get(row.grant);
    const named = [
      ...(grant?.spec.from.groups ?? []).map((name) => `Group/${name}`),
      ...(row.fromKind === "agent" ? [`Agent/${row.from.slice("agent:".length)}`] : []),
      ...(row.fromKind === "workload" ? [`Workload/${workloadIdOf(row.from)}`] : []),
      `Service/${row.service}`,
    ];
    const found = named.flatMap((name) => this.#changed.get(name) ?? []);
    if (found.length > 0) return found;
    // Only tables are known: a grant without rows on the other side was added or removed.
    const other = side === this.#before ? this.#after : this.#before;
    const there = other.rows(row.service).some(({ grant }) => grant === row.grant);
    const what = there ? "changed" : side === this.#before ? "removed" : "added";
    return [{ object: id, what, position: row.position }];
  }
}

function changes(old: ReadonlyMap<string, Known>, now: ReadonlyMap<string, Known>): [string, Cause][] {
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((object): [string, Cause][] => {
    const [a, b] = [old.get(object), now.get(object)];
    if (a?.content === b?.content) return [];
    const what = a === undefined ? "added" : b === undefined ? "removed" : "changed";
    return [[object, { object, what, position: (b ?? a)?.position }]];
  });
}

function renames(
  causes: readonly Cause[],
  old: ReadonlyMap<string, Known>,
  now: ReadonlyMap<string, Known>,
): { from: string; to: string }[] {
  const kindOf = (object: string): string => object.slice(0, object.indexOf("/"));
  const removed = causes.filter(({ what }) => what === "removed");
  const taken = new Set<string>();
  return causes
    .filter(({ what }) => what === "added")
    .flatMap(({ object }) => {
      const content = now.get(object)?.content;
      const twin = removed.find(
        (other) =>
          !taken.has(other.object) &&
          kindOf(other.object) === kindOf(object) &&
          old.get(other.object)?.content === content,
      );
      if (!twin) return [];
      taken.add(twin.object);
      return [{ from: twin.object, to: object }];
    });
}
