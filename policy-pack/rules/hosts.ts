import { sample } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";
import { isOpaque, serviceEntry } from "./service-entry.ts";

const entry = (name: string, spec: Record<string, unknown>) =>
  sample("networking.istio.io/v1", "ServiceEntry", name, spec);
const tcp = (number: number) => ({ number, name: `tcp-${number}`, protocol: "TCP" });

/** PR220. */
export const wildcardHost: ResourceRule = {
  id: "PR220",
  over: "resource",
  severities: ["error", "warning"],
  remediation: "Name the hosts one by one, each with a ServiceEntry of its own.",
  bad: [
    [entry("saas", { hosts: ["*.example.com"], ports: [tcp(9000)], resolution: "NONE" })],
    [entry("all", { hosts: ["*.com"], ports: [{ number: 443, name: "tls", protocol: "TLS" }] })],
  ],
  good: [
    [entry("saas", { hosts: ["api.example.com"], ports: [tcp(9000)], resolution: "DNS", exportTo: ["."] })],
  ],
  *check(resource): Iterable<StackBreach> {
    const found = serviceEntry(resource);
    for (const host of found?.hosts ?? []) {
      if (!host.startsWith("*")) continue;
      const topLevel = !host.slice(2).includes(".");
      yield {
        message: topLevel
          ? `${found?.id} claims all of ${host}`
          : `${found?.id} has the wildcard host ${host}`,
        severity: topLevel || found?.ports.some(isOpaque) ? "error" : "warning",
      };
    }
  },
};

/** PR223. */
export const exportToAll: ResourceRule = {
  id: "PR223",
  over: "resource",
  severities: ["warning"],
  remediation:
    "List the namespaces of the clients in `exportTo`; without it Istio shows the entry to every namespace.",
  bad: [
    [entry("db", { hosts: ["db.example.com"], ports: [tcp(5432)], resolution: "DNS", exportTo: ["*"] })],
    [entry("db", { hosts: ["db.example.com"], ports: [tcp(5432)], resolution: "DNS" })],
  ],
  good: [
    [entry("db", { hosts: ["db.example.com"], ports: [tcp(5432)], resolution: "DNS", exportTo: ["shop"] })],
  ],
  *check(resource): Iterable<StackBreach> {
    const found = serviceEntry(resource);
    if (found?.exportTo.includes("*")) yield { message: `${found.id} is shown to every namespace` };
  },
};

/** PR255. */
export const catchAllResolution: ResourceRule = {
  id: "PR255",
  over: "resource",
  severities: ["error"],
  remediation:
    "List the entry's `addresses`, or set `resolution: DNS`. `NONE` is what Istio takes when it is left out.",
  bad: [
    [entry("legacy", { hosts: ["legacy.example.com"], ports: [tcp(9000)], resolution: "NONE" })],
    [entry("legacy", { hosts: ["legacy.example.com"], ports: [tcp(9000)] })],
  ],
  good: [
    [
      entry("legacy", {
        hosts: ["legacy.example.com"],
        ports: [tcp(9000)],
        addresses: ["198.51.100.7"],
        resolution: "NONE",
        exportTo: ["."],
      }),
    ],
  ],
  *check(resource): Iterable<StackBreach> {
    const found = serviceEntry(resource);
    if (!found || found.addresses.length > 0) return;
    if ((found.spec.resolution ?? "NONE") !== "NONE") return;
    for (const port of found.ports.filter(isOpaque)) {
      yield { message: `${found.id} forwards port ${port.number} to any address a client chooses` };
    }
  },
};
