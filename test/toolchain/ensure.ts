/** From a recipe to a part that is there: found, cached or made. */
import { join } from "node:path";
import { cached, cacheRoot, fill, keyOf } from "./cache.ts";
import { withLock } from "./lock.ts";
import { type Part, PartMissing, type Recipe } from "./part.ts";
import { progress } from "./progress.ts";

export type State =
  | { readonly kind: "there"; readonly part: Part }
  | { readonly kind: "to make" }
  | { readonly kind: "not to be had"; readonly why: string };

/** The package manager owns the files of such a part: nothing of it is in the cache. */
const ownedBySystem = (recipe: Recipe): boolean => recipe.main === "";

/** Is it there, and if not, can it be made here? Makes nothing. */
export function stateOf(recipe: Recipe): State {
  const { name } = recipe;
  const found = recipe.find?.();
  if (found !== undefined) {
    return { kind: "there", part: { name, ...found, source: "this machine", from: "machine" } };
  }
  const path = ownedBySystem(recipe) ? undefined : cached(recipe);
  if (path !== undefined) {
    const { version, source } = recipe;
    return { kind: "there", part: { name, version, source, path, from: "cache" } };
  }
  const why = recipe.blocked();
  return why === undefined ? { kind: "to make" } : { kind: "not to be had", why };
}

/**
 * The part, made first when it is not there (with its progress on stderr). Safe to call from several processes at once.
 * @throws {PartMissing} when it cannot be had here; the message says what to do.
 */
export async function ensure(recipe: Recipe): Promise<Part> {
  const { name } = recipe;
  const before = stateOf(recipe);
  if (before.kind === "there") return before.part;
  if (before.kind === "not to be had") throw new PartMissing(name, before.why);
  const lock = join(cacheRoot(), "parts", name, `${ownedBySystem(recipe) ? "install" : keyOf(recipe)}.lock`);
  const waiting = (pid: number) =>
    process.stderr.write(`${name}: process ${pid} is making it; waiting for it\n`);
  return withLock(lock, () => make(recipe), waiting);
}

async function make(recipe: Recipe): Promise<Part> {
  const { name } = recipe;
  // Whoever held the lock before us may have made it.
  const now = stateOf(recipe);
  if (now.kind === "there") return now.part;
  const steps = progress(`making ${name} ${recipe.version} (${recipe.source})`, recipe.cost.seconds);
  try {
    if (ownedBySystem(recipe)) await recipe.make("", steps.report);
    else await fill(recipe, steps.report);
  } catch (cause) {
    steps.end("failed");
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PartMissing(name, `could not be made: ${why}`, { cause });
  }
  steps.end("ready");
  const after = stateOf(recipe);
  if (after.kind !== "there") throw new PartMissing(name, "was installed, and yet is not found");
  return after.part;
}
