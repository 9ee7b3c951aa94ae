/** A locality that was listed: everything in it, or its parts by name. */
type Covered = "all" | Map<string, Covered>;

/**
 * What is wrong with a list of localities (`region/zone/subzone`, a `*` at the end), or undefined: none may be empty,
 * and none may overlap with one listed before it.
 */
export function checkLocalities(localities: readonly string[]): string | undefined {
  const seen = new Map<string, Covered>();
  for (const locality of localities) {
    const stars = locality.split("*").length - 1;
    if (stars > 1 || (stars === 1 && !locality.endsWith("*")))
      return `${JSON.stringify(locality)} may have one * only, at its end`;
    if (seen.has("*")) return overlap(locality);
    const [region = "", zone, ...rest] = locality.split("/");
    // The third part keeps whatever follows it.
    const parts = [
      region,
      ...(zone === undefined ? [] : [zone]),
      ...(rest.length === 0 ? [] : [rest.join("/")]),
    ];
    if (parts.includes("")) return `${JSON.stringify(locality)} has an empty region, zone or subzone`;
    if (!add(seen, parts)) return overlap(locality);
  }
  return undefined;
}

/**
 * Adds a locality unless it overlaps. A region covers all its zones and a zone all its subzones, whether written
 * with `*` or not; a region that comes after one of its zones overlaps too.
 */
function add(seen: Map<string, Covered>, parts: readonly string[]): boolean {
  const [part = "", ...rest] = parts;
  const known = seen.get(part);
  if (rest.length === 0) {
    if (known !== undefined) return false;
    seen.set(part, "all");
    return true;
  }
  if (known === "all") return false;
  const below = known ?? new Map<string, Covered>();
  if (below.has("*")) return false;
  if (known === undefined) seen.set(part, below);
  return add(below, rest);
}

function overlap(locality: string): string {
  return `${JSON.stringify(locality)} overlaps with a locality listed before it`;
}
