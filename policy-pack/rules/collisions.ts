import { sample } from "../resource.ts";
import type { StackBreach, StackRule } from "../rule.ts";
import { isOpaque, type ServiceEntry, serviceEntry, shareAudience } from "./service-entry.ts";

const entry = (name: string, spec: Record<string, unknown>) =>
  sample("networking.istio.io/v1", "ServiceEntry", name, {
    resolution: "DNS",
    exportTo: ["."],
    ports: [{ number: 9000, name: "tcp", protocol: "TCP" }],
    ...spec,
  });

/** PR250. */
export const hostCollision: StackRule = {
  id: "PR250",
  over: "stack",
  severities: ["error"],
  remediation: "Give each host to one ServiceEntry; an entry may have several ports.",
  bad: [[entry("db", { hosts: ["db.example.com"] }), entry("db-admin", { hosts: ["DB.example.com."] })]],
  good: [[entry("db", { hosts: ["db.example.com"] }), entry("cache", { hosts: ["cache.example.com"] })]],
  check: (resources) =>
    collisions(
      resources.flatMap((resource) => serviceEntry(resource) ?? []),
      ({ hosts }) => hosts,
      (host) => `the host ${host}: Istio routes it to one of them`,
    ),
};

/** PR251. */
export const addressCollision: StackRule = {
  id: "PR251",
  over: "stack",
  severities: ["error"],
  remediation: "Give one of them another address.",
  bad: [
    [
      entry("a", { hosts: ["a.example.com"], addresses: ["10.9.9.9"] }),
      entry("b", { hosts: ["b.example.com"], addresses: ["10.9.9.9"] }),
    ],
  ],
  good: [
    [
      entry("a", { hosts: ["a.example.com"], addresses: ["10.9.9.9"] }),
      entry("b", { hosts: ["b.example.com"], addresses: ["10.9.9.10"] }),
    ],
  ],
  check: (resources) =>
    collisions(
      resources.flatMap((resource) => serviceEntry(resource) ?? []),
      ({ addresses, ports }) =>
        addresses.flatMap((address) =>
          ports.filter(isOpaque).map(({ number }) => `${address} port ${number}`),
        ),
      (key) => `${key}: a connection to it could reach either`,
    ),
};

/** What later entries claim of earlier ones in a namespace that sees both. */
function* collisions(
  entries: readonly ServiceEntry[],
  claimsOf: (entry: ServiceEntry) => readonly string[],
  tell: (claim: string) => string,
): Iterable<StackBreach> {
  const claims = new Map<string, ServiceEntry[]>();
  for (const entry of entries) {
    for (const claim of new Set(claimsOf(entry))) {
      const others = claims.get(claim) ?? [];
      const other = others.find((earlier) => shareAudience(earlier, entry));
      if (other) {
        yield { resource: entry.resource, message: `${entry.id} and ${other.id} both claim ${tell(claim)}` };
      }
      claims.set(claim, [...others, entry]);
    }
  }
}
