/**
 * The real parts the tests run: `part("pulumi")` gives the path of one, made first when it is not there.
 * `plan()` says beforehand what is there, what would be made and about how long that takes.
 */
import { folderOf, sizeOf } from "./cache.ts";
import { ensure, type State, stateOf } from "./ensure.ts";
import type { Part, Recipe } from "./part.ts";
import { type PartName, partNames, recipes } from "./recipes/index.ts";

export type { State } from "./ensure.ts";
export type { Part } from "./part.ts";
export { PartMissing } from "./part.ts";
export { type PartName, partNames, wantedNames } from "./recipes/index.ts";

/**
 * A real part, made first when it is not there (with its progress on stderr).
 * @throws {PartMissing} when it cannot be had here; the message says what to do.
 */
export async function part(name: PartName): Promise<Part> {
  return ensure(recipes[name]);
}

/** Several parts, one after the other: builds use all cores already. */
export async function parts<N extends PartName>(...names: readonly N[]): Promise<Record<N, Part>> {
  const made: [N, Part][] = [];
  for (const name of names) made.push([name, await part(name)]);
  return Object.fromEntries(made) as Record<N, Part>;
}

export interface Planned {
  readonly name: PartName;
  readonly title: string;
  readonly version: string;
  readonly source: string;
  readonly state: State;
  /** About how long making it takes, in seconds; 0 when it is there. */
  readonly seconds: number;
  /** Bytes on disk when we made it, else about how much it will be; 0 for what the machine has of its own. */
  readonly bytes: number;
}

/** What is there and what making the rest takes. */
export function plan(names: readonly PartName[] = partNames): Planned[] {
  return names.map((name) => {
    const recipe: Recipe = recipes[name];
    const state = stateOf(recipe);
    const there = state.kind === "there" ? state.part : undefined;
    return {
      name,
      title: recipe.title,
      version: there?.version ?? recipe.version,
      source: there?.source ?? recipe.source,
      state,
      seconds: there === undefined ? recipe.cost.seconds : 0,
      bytes: bytesOf(recipe, there),
    };
  });
}

function bytesOf(recipe: Recipe, there: Part | undefined): number {
  if (there === undefined) return recipe.cost.megabytes * 1e6;
  return there.from === "cache" ? sizeOf(folderOf(recipe)) : 0;
}
