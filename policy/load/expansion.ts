/**
 * True when plain data, counting a part that is shared (a YAML alias) each time it appears, has more values than `limit`.
 * Shared parts are counted once and remembered, so this takes the time of what was written, not of what it expands to.
 */
export function expandsBeyond(value: unknown, limit: number): boolean {
  const sizes = new Map<object, number>();
  const shared = { found: false };
  return sizeOf(value, sizes, shared) > limit && shared.found;
}

function sizeOf(value: unknown, sizes: Map<object, number>, shared: { found: boolean }): number {
  if (typeof value !== "object" || value === null) return 1;
  const known = sizes.get(value);
  if (known !== undefined) {
    shared.found = true;
    return known;
  }
  let size = 1;
  // Until it is known, a value that holds itself counts as endless.
  sizes.set(value, Number.POSITIVE_INFINITY);
  for (const item of Object.values(value)) size += sizeOf(item, sizes, shared);
  sizes.set(value, size);
  return size;
}
