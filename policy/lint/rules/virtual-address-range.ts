import { blockHolds, parseAddress, parseBlock } from "../../decide/address.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR224. */
export const virtualAddressRange: LintRule = {
  id: "PR224",
  title: "Own address within the range of planned addresses",
  severity: "error",
  waivable: false,
  why: "Portreeve hands out the addresses of `addressing.range` itself. An address of it that a Service states may be planned for another one tomorrow, and then traffic of one reaches the other.",
  fix: "leave `addresses` out, or use an address outside the range",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: a }
spec:
  protocol: tcp
  hosts: [a.example.com]
  ports: [9000]
  addresses: [240.240.0.9]
  location: { type: external, clusters: [vip] }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: a }
spec: { protocol: tcp, hosts: [a.example.com], ports: [9000], addresses: [10.9.9.9], location: { type: external } }
`,
  *check({ model }): Iterable<Breach> {
    const ranges = model.trust.spec.clusters.flatMap(({ name, addressing }) => {
      const block = addressing.mode === "vips" ? parseBlock(addressing.range) : undefined;
      return block && addressing.mode === "vips" ? [{ name, block, range: addressing.range }] : [];
    });
    if (ranges.length === 0) return;
    for (const service of model.services.values()) {
      for (const [index, text] of service.spec.addresses.entries()) {
        const address = parseAddress(text);
        if (address === undefined) continue;
        const range = ranges.find(
          ({ name, block }) => service.clusters.includes(name) && blockHolds(block, address),
        );
        if (!range) continue;
        yield {
          object: `Service/${service.name}`,
          path: ["spec", "addresses", index],
          message: `${service.name} states ${text}, which is in ${range.range}, where cluster ${range.name} has its planned addresses`,
        };
      }
    }
  },
};
