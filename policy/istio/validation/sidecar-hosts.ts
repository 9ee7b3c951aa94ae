import { items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Warns of hosts of an egress listener that an entry before them has listed already. */
export function checkEgressHosts(hosts: Node, namespace: string, report: Report): void {
  const byNamespace = new Map<string, Set<string>>();
  for (const host of items(hosts)) {
    const slash = text(host).indexOf("/");
    if (slash < 0 || text(host).startsWith("~")) continue;
    const named = text(host).slice(0, slash);
    const owner = named === "." ? namespace : named;
    const service = text(host).slice(slash + 1);
    const known = byNamespace.get(owner) ?? new Set<string>();
    byNamespace.set(owner, known);
    const isListed = service === "*" ? known.size > 0 : known.has(service) || known.has("*");
    if (isListed) report.warn(host, `${JSON.stringify(text(host))} is listed already`);
    known.add(service);
  }
  if (byNamespace.get("*")?.has("*") && byNamespace.size !== 1)
    report.warn(hosts, '"*/*" selects everything; remove the other hosts');
}
