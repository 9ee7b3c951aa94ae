/** How istiod compares host names (pkg/config/host/name.go): a name that starts with `*` stands for all that end as it does. */

export function isWildcard(name: string): boolean {
  return name.startsWith("*");
}

/** Whether two names have a host in common: either may be a wildcard. */
export function hostsMatch(a: string, b: string): boolean {
  const [x, y] = [isWildcard(a), isWildcard(b)];
  if (x && y) {
    return a.length < b.length ? b.slice(1).endsWith(a.slice(1)) : a.slice(1).endsWith(b.slice(1));
  }
  if (x) return b.endsWith(a.slice(1));
  return y ? a.endsWith(b.slice(1)) : a === b;
}

/** Whether every host of the first name is one of the second. */
export function isWithin(name: string, of: string): boolean {
  if (!isWildcard(of)) return name === of;
  if (isWildcard(name) && name.length < of.length) return false;
  return (isWildcard(name) ? name.slice(1) : name).endsWith(of.slice(1));
}
