/**
 * The real parts the tests run: `part("pulumi")` gives the path of one, made first when it is not there.
 * `plan()` says beforehand what is there, what would be made and about how long that takes.
 */
import { join } from "node:path";
import { cached, cacheRoot, fill, folderOf, keyOf, sizeOf } from "./cache.ts";
import { withLock } from "./lock.ts";
import { type Part, PartMissing, type Recipe } from "./part.ts";
import { progress } from "./progress.ts";
import { type PartName, partNames, recipes } from "./recipes/index.ts";

export type { Part } from "./part.ts";
export { PartMissing } from "./part.ts";
export { type PartName, partNames, wantedNames } from "./recipes/index.ts";

export type State =
  | { readonly kind: "there"; readonly part: Part }
  | { readonly kind: "to make" }
  | { readonly kind: "not to be had"; readonly why: string };

/** Is it there, and if not, can it be made here? Makes nothing. */
export function stateOf(name: PartName): State {
  const recipe: Recipe = recipes[name];
  const found = recipe.find?.();
  if (found !== undefined) {
    return {
      kind: "there",
      part: { name, version: found.version, source: "this machine", path: found.path, from: "machine" },
    };
  }
  const path = recipe.main === "" ? undefined : cached(recipe);
  if (path !== undefined) {
    return {
      kind: "there",
      part: { name, version: recipe.version, source: recipe.source, path, from: "cache" },
    };
  }
  const why = recipe.blocked();
  return why === undefined ? { kind: "to make" } : { kind: "not to be had", why };
}

/**
 * A real part, made first when it is not there (with its progress on stderr).
 * @throws {PartMissing} when it cannot be had here; the message says what to do.
 */
export async function part(name: PartName): Promise<Part> {
  const before = stateOf(name);
  if (before.kind === "there") return before.part;
  if (before.kind === "not to be had") throw new PartMissing(name, before.why);
  const recipe: Recipe = recipes[name];
  const lock = join(cacheRoot(), "parts", name, `${recipe.main === "" ? "install" : keyOf(recipe)}.lock`);
  const waiting = (pid: number) =>
    process.stderr.write(`${name}: process ${pid} is making it; waiting for it\n`);
  return withLock(
    lock,
    async () => {
      const now = stateOf(name);
      if (now.kind === "there") return now.part;
      const steps = progress(`making ${name} ${recipe.version} (${recipe.source})`, recipe.cost.seconds);
      try {
        if (recipe.main === "") await recipe.make("", steps.report);
        else await fill(recipe, steps.report);
      } catch (cause) {
        steps.end("failed");
        throw new PartMissing(name, `could not be made: ${cause instanceof Error ? cause.message : cause}`, {
          cause,
        });
      }
      steps.end("ready");
      const after = stateOf(name);
      if (after.kind !== "there") throw new PartMissing(name, "was installed, and yet is not found");
      return after.part;
    },
    waiting,
  );
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
    const state = stateOf(name);
    const there = state.kind === "there" ? state.part : undefined;
    const bytes =
      there === undefined
        ? recipe.cost.megabytes * 1e6
        : there.from === "cache"
          ? sizeOf(folderOf(recipe))
          : 0;
    return {
      name,
      title: recipe.title,
      version: there?.version ?? recipe.version,
      source: there?.source ?? recipe.source,
      state,
      seconds: there === undefined ? recipe.cost.seconds : 0,
      bytes,
    };
  });
}
