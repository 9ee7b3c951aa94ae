import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type Sample, sample } from "../../../test/reach/generate.ts";
import { passes, type RawPod } from "../../../test/reach/reference.ts";
import { PROTOCOLS } from "../../sets/ports.ts";
import { diffClusters } from "./diff.ts";
import { expandClusters } from "./expand.ts";
import { readClusterSide } from "./objects.ts";

interface RawService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly { port: number; protocol?: string; targetPort?: number | string }[];
}

const label = fc.constantFrom("a", "b", "c");
const services: fc.Arbitrary<readonly RawService[]> = fc
  .array(
    fc.record({
      namespace: fc.constantFrom("default", "shop", "bank"),
      selector: fc.dictionary(fc.constantFrom("app", "tier"), label, { maxKeys: 1, noNullPrototype: true }),
      ports: fc.uniqueArray(
        fc.record(
          {
            port: fc.constantFrom(53, 80, 443),
            protocol: fc.constantFrom("TCP", "UDP"),
            targetPort: fc.constantFrom<number | string>(80, 8080, "http", "dns", "9090"),
          },
          { requiredKeys: ["port"] },
        ),
        { minLength: 1, maxLength: 3, selector: ({ port, protocol }) => `${port} ${protocol ?? "TCP"}` },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((list) => list.map((service, index) => ({ ...service, name: `s${index}` })));

const ADDRESSES = [
  "0.0.0.0",
  "9.255.255.255",
  "10.0.0.0",
  "10.1.1.255",
  "10.1.2.9",
  "10.1.3.0",
  "10.127.255.255",
].concat(["10.128.0.0", "11.0.0.0", "192.168.7.8", "192.168.7.9", "255.255.255.254", "255.255.255.255"]);

const objectsOf = ({ objects }: Sample, list: readonly RawService[]): object[] => [
  ...objects,
  ...list.map(({ namespace, name, selector, ports }) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector, ports },
  })),
];

/** By `from to`: the protocols, found by sending every packet. Every pod of the samples runs as `default`. */
function opened(given: Sample, list: readonly RawService[]): Map<string, string> {
  const found = new Map<string, Set<string>>();
  const sources: [string, string, readonly (RawPod | string)[]][] = [
    ...[...given.workloads].map(([id, pods]): [string, string, readonly RawPod[]] => [
      id,
      `${id.split("/")[0]}/default`,
      pods,
    ]),
    ...ADDRESSES.map((ip): [string, string, string[]] => [ip, ip, [ip]]),
  ];
  for (const service of list) {
    for (const { port, protocol = "TCP", targetPort } of service.ports) {
      for (const [id, pods] of given.workloads) {
        for (const to of pods) {
          const isBehind = Object.entries(service.selector).every(([key, value]) => to.labels[key] === value);
          if (Object.keys(service.selector).length === 0 || !isBehind || to.namespace !== service.namespace)
            continue;
          const target = numberOf(targetPort ?? port, protocol, to);
          if (target === undefined) continue;
          for (const [source, name, froms] of sources) {
            if (source === id) continue;
            if (!froms.some((from) => passes(given.world, { from, to, protocol, port: target }))) continue;
            const key = `${name} ${service.namespace}/${service.name}:${port}`;
            found.set(key, (found.get(key) ?? new Set()).add(protocol));
          }
        }
      }
    }
  }
  return new Map([...found].map(([key, set]) => [key, PROTOCOLS.filter((each) => set.has(each)).join()]));
}

function numberOf(target: number | string, protocol: string, { ports }: RawPod): number | undefined {
  if (/^\d+$/.test(String(target))) return Number(target);
  return ports.find((port) => port.name === target && (port.protocol ?? "TCP") === protocol)?.containerPort;
}

function covers(from: string, source: string): boolean {
  if (!from.startsWith("external:")) return from === source;
  const [low = "", high = ""] = from.slice("external:".length).split("-");
  const order = (ip: string) =>
    ip.includes("/") ? -1 : ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return order(low) <= order(source) && order(source) <= order(high);
}

// Istio's part of the verdict is compared with its evaluator in policy/reach; here it is in single cases.
test("has a row for each pair whose access differs, and no other, packet by packet", () => {
  fc.assert(
    fc.property(sample, sample, services, services, fc.boolean(), (one, two, s1, s2, sameWorkloads) => {
      const other: Sample = sameWorkloads
        ? {
            ...one,
            objects: [...one.objects.filter((o) => !isPolicy(o)), ...two.objects.filter(isPolicy)],
            world: { namespaces: one.world.namespaces, policies: two.world.policies },
          }
        : two;
      const list = sameWorkloads ? s1 : s2;
      const { changes } = expandClusters(
        readClusterSide(objectsOf(one, s1)),
        readClusterSide(objectsOf(other, list)),
      );
      const [before, after] = [opened(one, s1), opened(other, list)];
      const keys = new Set([...before.keys(), ...after.keys()]);
      for (const key of keys) {
        const [source = "", to = ""] = key.split(" ");
        const rows = changes.filter((row) => row.to === to && covers(row.from, source));
        const [a, b] = [before.get(key) ?? "", after.get(key) ?? ""];
        const wanted = a === b ? [] : [[a === "" ? "gained" : b === "" ? "lost" : "changed", [a], [b]]];
        const clean = (list: unknown[]) => list.map((text) => (text === undefined ? "" : text));
        expect([key, rows.map((row) => [row.change, clean([row.before[0]]), clean([row.after[0]])])]).toEqual(
          [key, wanted],
        );
      }
      // A row that no packet shows would be a false alarm.
      for (const row of changes) {
        const shown = [...keys].some((key) => {
          const [source = "", to = ""] = key.split(" ");
          return row.to === to && covers(row.from, source);
        });
        expect([row.from, row.to, shown]).toEqual([row.from, row.to, true]);
      }
    }),
    { numRuns: 400 },
  );
});

const isPolicy = (object: object): boolean => "kind" in object && object.kind === "NetworkPolicy";

const deployment = (name: string, spec: object = {}, ports: object[] = []) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "shop" },
  spec: {
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", ports }], ...spec } },
  },
});
const service = (name: string, spec: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "shop" },
  spec,
});
const rows = (before: object[], after: object[]) =>
  expandClusters(readClusterSide(before), readClusterSide(after)).changes.map(
    ({ change, from, to }) => `${change} ${from} ${to}`,
  );

describe("expandClusters", () => {
  const world = [
    deployment("api", { serviceAccountName: "api" }),
    deployment("web"),
    deployment("db", { serviceAccountName: "db" }, [{ name: "pg", containerPort: 5432 }]),
    service("db", { selector: { app: "db" }, ports: [{ port: 15432, targetPort: "pg" }] }),
  ];
  const istio = (principals: string[]) => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "db", namespace: "shop" },
    spec: {
      selector: { matchLabels: { app: "db" } },
      rules: [{ from: [{ source: { principals } }], to: [{ operation: { ports: ["5432"] } }] }],
    },
  });

  it("judges Istio's policies by service account, on the port behind the Service", () => {
    const api = "cluster.local/ns/shop/sa/api";
    expect(
      rows([...world, istio([api])], [...world, istio([api, "cluster.local/ns/shop/sa/default"])]),
    ).toEqual(["gained shop/default shop/db:15432"]);
    expect(rows(world, [...world, istio([api])])).toEqual([
      "lost external:0.0.0.0-255.255.255.255 shop/db:15432",
      "lost shop/default shop/db:15432",
    ]);
  });

  it("leaves out a Service without pods, and tells why it is not compared", () => {
    const bare = service("bare", { ports: [{ port: 80 }] });
    const named = service("named", {
      type: "ExternalName",
      externalName: "db.example.com",
      selector: { app: "db" },
    });
    const { changes, notes } = expandClusters(
      readClusterSide(world),
      readClusterSide([...world, bare, named]),
    );
    expect(changes).toEqual([]);
    expect(notes).toContain("Service shop/bare selects no pods: who reaches it is not compared");
    expect(notes).toContain("Service shop/named selects no pods: who reaches it is not compared");
  });

  it("takes a headless Service like any other", () => {
    const headless = service("db-headless", {
      clusterIP: "None",
      selector: { app: "db" },
      ports: [{ port: 5432 }],
    });
    expect(rows(world, [...world, headless])).toEqual([
      "gained external:0.0.0.0-255.255.255.255 shop/db-headless:5432",
      "gained shop/api shop/db-headless:5432",
      "gained shop/default shop/db-headless:5432",
    ]);
  });

  it("counts a Service as reached when any workload behind it is, and notes when that is not all of them", () => {
    const both = service("db", { selector: { tier: "data" }, ports: [{ port: 5432 }] });
    const data = (name: string) => {
      const made = deployment(name, { serviceAccountName: name });
      return {
        ...made,
        spec: { template: { ...made.spec.template, metadata: { labels: { app: name, tier: "data" } } } },
      };
    };
    const closed = (app: string) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `closed-${app}`, namespace: "shop" },
      spec: { podSelector: { matchLabels: { app } }, policyTypes: ["Ingress"] },
    });
    const side = (...more: object[]) =>
      readClusterSide([
        deployment("api", { serviceAccountName: "api" }),
        data("one"),
        data("two"),
        both,
        ...more,
      ]);
    const one = expandClusters(side(), side(closed("one")));
    expect(one.changes.map(({ from }) => from)).toEqual(["shop/two"]);
    expect(one.notes).toContain(
      "shop/api → shop/db:5432: reached all workloads behind the Service before, 1 of 2 workloads after",
    );
    expect(
      expandClusters(side(closed("one")), side(closed("one"), closed("two"))).changes.map(({ from }) => from),
    ).toEqual(["external:0.0.0.0-255.255.255.255", "shop/api", "shop/one"]);
  });

  it("says nothing of objects in another order or with other annotations", () => {
    expect(rows(world, world.toReversed())).toEqual([]);
    expect(expandClusters(readClusterSide(world), readClusterSide(world.toReversed())).objects).toEqual([]);
  });

  it("names the policy that does it, and not another that changed with it", () => {
    const other = {
      ...istio([]),
      metadata: { name: "web", namespace: "shop" },
      spec: { selector: { matchLabels: { app: "web" } } },
    };
    const locate = (path: readonly (string | number)[]) => ({
      file: "a.yaml",
      line: 1 + Number(path[0]),
      col: 1,
    });
    const { changes } = expandClusters(
      readClusterSide(world, locate),
      readClusterSide([...world, istio(["cluster.local/ns/shop/sa/api"]), other], locate),
    );
    expect(changes.map(({ because }) => because)).toEqual(
      changes.map(() => [
        {
          object: "AuthorizationPolicy/shop/db",
          what: "added",
          position: { file: "a.yaml", line: 5, col: 1 },
        },
      ]),
    );
  });
});

describe("diffClusters", () => {
  it("tells ports that no Service leads to, and joins ranges of which the same is true", () => {
    const policy = (cidrs: string[], port: number) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "db", namespace: "shop" },
      spec: {
        podSelector: {},
        ingress: [{ from: cidrs.map((cidr) => ({ ipBlock: { cidr } })), ports: [{ port }] }],
      },
    });
    const pods = [deployment("db")];
    const { changes } = diffClusters(
      readClusterSide([...pods, policy(["10.0.0.0/9"], 9187)]),
      readClusterSide([...pods, policy(["10.0.0.0/9", "10.128.0.0/9", "11.0.0.0/8"], 9187)]),
    );
    expect(changes.map(({ change, from, to, ports }) => `${change} ${from} ${to} ${ports}`)).toEqual([
      "gained external:10.128.0.0-11.255.255.255 shop/db TCP 9187",
    ]);
  });
});
