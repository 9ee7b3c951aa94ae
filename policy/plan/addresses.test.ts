import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, test } from "vitest";
import { loadModel } from "../load/index.ts";
import { service, trust } from "../load/object.ts";
import type { ServiceSpecInput, TrustSpecInput } from "../schema/index.ts";
import { hostKey, planAddresses } from "./addresses.ts";

type Addressing = NonNullable<TrustSpecInput["clusters"][number]["addressing"]>;
type Services = Record<string, Partial<ServiceSpecInput>>;

const vips = (range: string): Addressing => ({ mode: "vips", range });

function plan(addressing: Addressing, services: Services) {
  const model = loadModel({
    objects: [
      trust("estate", {
        trustDomain: "prod.example.com",
        clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31", addressing }],
      }),
      ...Object.entries(services).map(([name, spec]) =>
        service(name, {
          protocol: "tcp",
          hosts: [`${name}.example.com`],
          ports: [5432],
          location: { type: "external" },
          ...spec,
        }),
      ),
    ],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  return planAddresses(model, cluster);
}

const rules = (found: ReturnType<typeof plan>) => found.findings.map(({ rule }) => rule);
const message = (found: ReturnType<typeof plan>) =>
  found.findings.map((finding) => finding.message).join("\n");

describe("planned addresses", () => {
  test("each host of each external service has one of its own, in the range", () => {
    const { addresses, findings } = plan(vips("240.240.0.0/16"), {
      orders: { hosts: ["rw.example.com", "ro.example.com"] },
      users: {},
    });
    const all = [...addresses.values()].flat();
    expect(addresses.size).toBe(3);
    expect(new Set(all).size).toBe(3);
    for (const address of all) expect(address).toMatch(/^240\.240\.\d+\.\d+$/);
    expect(findings).toEqual([]);
  });

  test("are never the first or last of the range, or a stated one", () => {
    const services = Object.fromEntries(
      Array.from({ length: 13 }, (_, index): [string, Partial<ServiceSpecInput>] => [`s${index}`, {}]),
    );
    const { addresses, findings } = plan(vips("198.18.0.0/28"), {
      ...services,
      stated: { addresses: ["198.18.0.5"] },
    });
    const planned = [...addresses].filter(([key]) => !key.startsWith("stated")).flatMap(([, list]) => list);
    expect(new Set(planned).size).toBe(13);
    for (const special of ["198.18.0.0", "198.18.0.15", "198.18.0.5"]) expect(planned).not.toContain(special);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  test("stay where they are when services come and go, except where the plan says so", () => {
    const setOf = fc.uniqueArray(fc.stringMatching(/^[a-z]{2,5}$/), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(setOf, setOf, (some, more) => {
        const services = (names: readonly string[]): Services =>
          Object.fromEntries(names.map((name) => [name, {}]));
        const before = plan(vips("240.240.0.0/16"), services(some));
        const after = plan(vips("240.240.0.0/16"), services([...new Set([...some, ...more])]));
        const mayMove = new Set([...before.findings, ...after.findings].map(({ object }) => object));
        for (const name of some) {
          if (mayMove.has(`Service/${name}`)) continue;
          const key = hostKey(name, `${name}.example.com`);
          expect([name, after.addresses.get(key)]).toEqual([name, before.addresses.get(key)]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("stated addresses are kept as written: paired with the hosts, or all for the first", () => {
    const { addresses } = plan(vips("240.240.0.0/16"), {
      paired: { hosts: ["a.example.com", "b.example.com"], addresses: ["10.0.0.1", "10.0.0.2"] },
      first: { hosts: ["c.example.com", "d.example.com"], addresses: ["fd00::7"] },
    });
    expect(addresses.get(hostKey("paired", "b.example.com"))).toEqual(["10.0.0.2"]);
    expect(addresses.get(hostKey("first", "c.example.com"))).toEqual(["fd00::7"]);
    expect(ipaddr.IPv4.isValid(addresses.get(hostKey("first", "d.example.com"))?.[0] ?? "")).toBe(true);
  });

  test("are Istio's own business with DNS capture", () => {
    const { addresses } = plan({ mode: "dns-capture" }, { orders: {}, users: { addresses: ["10.0.0.9"] } });
    expect(addresses.get(hostKey("orders", "orders.example.com"))).toEqual([]);
    expect(addresses.get(hostKey("users", "users.example.com"))).toEqual(["10.0.0.9"]);
  });

  test("a reference stays a reference", () => {
    const { addresses, findings } = plan(vips("240.240.0.0/16"), {
      orders: { hosts: ["${ref:db}"], addresses: ["${ref:vip}"] },
    });
    expect(addresses.get(hostKey("orders", "${ref:db}"))).toEqual(["${ref:vip}"]);
    expect(findings).toEqual([]);
  });
});

describe("what cannot be planned", () => {
  test("PR250: one host in two services, however it is spelt", () => {
    const found = plan(vips("240.240.0.0/16"), {
      orders: { hosts: ["db.example.com"] },
      users: { hosts: ["DB.example.com."], ports: [3306] },
    });
    expect(rules(found)).toContain("PR250");
    expect(message(found)).toMatch(/Service users and Service orders both claim the host db\.example\.com/);
  });

  test("PR251: one address and port for two services, however it is spelt", () => {
    const found = plan(vips("240.240.0.0/16"), {
      orders: { addresses: ["fd00::7"] },
      users: { addresses: ["fd00:0:0::0007"] },
      other: { addresses: ["fd00::7"], ports: [3306] },
    });
    expect(rules(found)).toEqual(["PR251"]);
    expect(message(found)).toMatch(/Service users and Service orders both use fd00::7 port 5432/);
  });

  test("PR252: a range that is too small", () => {
    const found = plan(vips("198.18.0.0/30"), { a: {}, b: {}, c: {} });
    expect(found.findings.filter(({ rule }) => rule === "PR252")).toHaveLength(1);
    expect(message(found)).toMatch(/198\.18\.0\.0\/30 of cluster use1 has no address left for Service [abc]/);
  });

  test("PR253: an IPv6 range", () => {
    const found = plan(vips("fd00:240::/64"), { orders: {} });
    expect(rules(found)).toEqual(["PR253"]);
    expect(found.addresses.get(hostKey("orders", "orders.example.com"))).toEqual([]);
  });

  test("PR258 tells of an address that may move, and names both services", () => {
    // 14 planned out of 14 usable addresses: by the pigeonhole, hashes meet.
    const services = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`s${index}`, {}]));
    const found = plan(vips("198.18.0.0/28"), services);
    expect(rules(found)).toContain("PR258");
    expect(message(found)).toMatch(/planned address of Service s\d+ gave way to Service s\d+/);
  });
});
