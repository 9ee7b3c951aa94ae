import { at, entries, isSet, items, type Node, num, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Warns of HTTP routes and matches that never see a request, because one before them takes it. */
export function warnUnreachableHttp(routes: readonly Node[], report: Report): void {
  warnRepeated(routes, report);
  const prefixes = prefixMatches(routes);
  for (const [index, earlier] of prefixes.entries()) {
    for (const later of prefixes.slice(index + 1)) {
      if (later.prefix !== earlier.prefix && covers(earlier, later)) {
        report.warn(later.node, `is never used: prefix ${earlier.prefix} is matched before`);
      }
    }
  }
}

/** The same for TCP and TLS routes. */
export function warnUnreachableL4(routes: readonly Node[], report: Report): void {
  warnRepeated(routes, report);
}

function warnRepeated(routes: readonly Node[], report: Report): void {
  walkMatches(routes, {
    onAfterCatchAll: (node) => report.warn(node, "is never used: a route before it matches everything"),
    onRepeated: (node) => report.warn(node, "is never used: the same match is in a route before"),
    onNew: () => {},
  });
}

interface MatchVisitor {
  readonly onAfterCatchAll: (node: Node) => void;
  readonly onRepeated: (node: Node) => void;
  readonly onNew: (match: Node) => void;
}

function walkMatches(routes: readonly Node[], visitor: MatchVisitor): void {
  const seen = new Set<string>();
  let catchAllSeen = false;
  for (const route of routes) {
    const matches = items(at(route, "match"));
    if (matches.length === 0) {
      if (catchAllSeen) visitor.onAfterCatchAll(route);
      catchAllSeen = true;
      continue;
    }
    for (const match of matches) {
      const key = canonical(match);
      if (catchAllSeen) visitor.onAfterCatchAll(match);
      else if (seen.has(key)) visitor.onRepeated(match);
      else {
        seen.add(key);
        visitor.onNew(match);
      }
    }
  }
}

const MAPS = new Set(["headers", "withoutHeaders", "queryParams", "sourceLabels"]);

/** A match as one text that does not depend on the order of keys, its name, or fields set to their default. */
function canonical(match: Node): string {
  const fields = entries(match)
    .filter(([key, node]) => key !== "name" && isSet(node) && !isDefault(key, node))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(fields.map(([key, node]) => [key, sorted(node.value)]));
}

function isDefault(key: string, node: Node): boolean {
  const { value } = node;
  if (value === false || value === 0 || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return MAPS.has(key) && entries(node).length === 0;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([key, item]) => [key, sorted(item)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

interface PrefixMatch {
  readonly node: Node;
  readonly prefix: string;
  readonly port: number;
  readonly method: string;
  readonly authority: string;
  readonly maps: readonly ReadonlyMap<string, string>[];
}

function prefixMatches(routes: readonly Node[]): readonly PrefixMatch[] {
  const found: PrefixMatch[] = [];
  const collect = (match: Node): void => {
    const prefix = text(at(match, "uri", "prefix"));
    if (prefix === "") return;
    found.push({
      node: match,
      prefix,
      port: num(at(match, "port")),
      method: exactOrPrefix(at(match, "method")) || "exact:GET",
      authority: exactOrPrefix(at(match, "authority")),
      maps: ["headers", "queryParams", "withoutHeaders"].map(
        (field) => new Map(entries(at(match, field)).map(([key, value]) => [key, exactOrPrefix(value)])),
      ),
    });
  };
  walkMatches(routes, { onAfterCatchAll: () => {}, onRepeated: () => {}, onNew: collect });
  return found;
}

function exactOrPrefix(match: Node): string {
  if (text(at(match, "exact")) !== "") return `exact:${text(at(match, "exact"))}`;
  return text(at(match, "prefix")) === "" ? "" : `prefix:${text(at(match, "prefix"))}`;
}

/** Istio's approximation of "every request of the later match is one of the earlier": prefixes of all the parts. */
function covers(earlier: PrefixMatch, later: PrefixMatch): boolean {
  return (
    later.prefix.startsWith(earlier.prefix) &&
    later.port === earlier.port &&
    earlier.method.startsWith(later.method) &&
    earlier.authority.startsWith(later.authority) &&
    earlier.maps.every((map, index) => mapCovers(map, later.maps[index] ?? new Map()))
  );
}

function mapCovers(earlier: ReadonlyMap<string, string>, later: ReadonlyMap<string, string>): boolean {
  if (earlier.size !== later.size) return false;
  return [...earlier].every(([key, value]) => {
    const other = later.get(key);
    return other !== undefined && value.startsWith(other);
  });
}
