/** Draws small worlds in which services, entries, routes, rules and scopes often meet. */
import fc from "fast-check";
import { validateObject } from "../../policy/istio/validation/index.ts";
import {
  entryObject,
  named,
  peerObject,
  podObject,
  routeObject,
  ruleObject,
  sidecarObject,
  slice,
} from "./objects.ts";

export const NAMESPACES = ["shop", "data", "istio-system"] as const;
export const PORTS = [5432, 6379, 443] as const;
const SERVICES = ["a", "b"] as const;
/** The last is the host of a Service too; never in that Service's own namespace, where their endpoints would mix. */
const ENTRY_HOSTS = ["a.example.com", "b.example.com", "*.example.com", "b.data.svc.cluster.local"] as const;
const HOSTS = [
  ...ENTRY_HOSTS,
  "a.shop.svc.cluster.local",
  "a.data.svc.cluster.local",
  "b.shop.svc.cluster.local",
] as const;
export const ENTRY_ADDRESSES = ["240.0.0.1", "240.0.0.2", "240.0.1.0/24", "240.0.0.0/16"] as const;
const PROTOCOLS = ["TCP", "TLS", "HTTPS", "HTTP", "MYSQL", "MONGO", "REDIS", ""] as const;
const PORT_NAMES = ["tcp-x", "tls-x", "http-x", "mysql-x", "mongo-x", "redis-x", "x"] as const;

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const some = <T>(value: fc.Arbitrary<T>, maxLength = 2) => fc.array(value, { minLength: 1, maxLength });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
/** Most objects are exported to all. */
const exportTo = fc.option(some(one("*", ".", "shop", "data", "~")), { nil: undefined, freq: 1 });
const namespace = one(...NAMESPACES);

const labels = maybe(one({ app: "api" }, { app: "web" }, { version: "v1" }));

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly sidecar: boolean;
}

const CLIENTS: readonly Pod[] = [
  {
    name: "api",
    namespace: "shop",
    ip: "10.1.0.1",
    labels: { app: "api" },
    serviceAccount: "api",
    sidecar: true,
  },
  {
    name: "web",
    namespace: "data",
    ip: "10.1.0.2",
    labels: { app: "web" },
    serviceAccount: "web",
    sidecar: true,
  },
];

const servers = fc.array(
  fc.record({
    namespace: one("shop", "data"),
    service: one(...SERVICES),
    version: one("v1", "v2"),
    sidecar: fc.boolean(),
  }),
  { maxLength: 4 },
);

const serviceShape = fc.record({
  namespace: one("shop", "data"),
  name: one(...SERVICES),
  headless: fc.boolean(),
  exportTo,
  ports: fc.uniqueArray(fc.record({ port: one(...PORTS), name: one(...PORT_NAMES), target: one(0, 15432) }), {
    minLength: 1,
    maxLength: 2,
    selector: ({ port }) => port,
  }),
});

const entryShape = fc
  .record({
    namespace,
    hosts: fc.uniqueArray(one(...ENTRY_HOSTS), { minLength: 1, maxLength: 2 }),
    addresses: maybe(fc.uniqueArray(one(...ENTRY_ADDRESSES), { minLength: 1, maxLength: 2 })),
    location: one("MESH_EXTERNAL", "MESH_INTERNAL"),
    resolution: one("NONE", "STATIC", "DNS"),
    exportTo,
    ports: fc.uniqueArray(
      fc.record({ number: one(...PORTS), protocol: one(...PROTOCOLS), target: one(0, 25432) }),
      {
        minLength: 1,
        maxLength: 2,
        selector: ({ number }) => number,
      },
    ),
    endpoint: maybe(fc.record({ address: one("198.51.100.1", "198.51.100.2"), mtls: fc.boolean() })),
  })
  .filter(({ namespace: at, hosts }) => at !== "data" || !hosts.includes("b.data.svc.cluster.local"));

const match = fc.record({
  port: maybe(one(...PORTS)),
  sourceLabels: labels,
  sourceNamespace: maybe(one("shop", "data")),
  destinationSubnets: maybe(some(one("240.0.0.0/16", "240.0.0.1", "10.96.0.0/16"))),
});
/** Which of the VirtualService's own hosts: Istio refuses names that are not among them. */
const sniHosts = some(one(0, 1));
const destination = fc.record({
  host: one(...HOSTS, "nowhere.example.com"),
  subset: maybe(one("v1", "v2")),
  port: maybe(one(...PORTS)),
});
const route = fc.array(fc.record({ destination, weight: one(10, 90) }), { minLength: 1, maxLength: 2 });

const routeShape = fc.record({
  namespace,
  hosts: fc.uniqueArray(one(...HOSTS), { minLength: 1, maxLength: 2 }),
  exportTo,
  gateways: maybe(one(["mesh"], ["mesh", "istio-system/out"], ["istio-system/out"])),
  tcp: fc.array(fc.record({ match: maybe(some(match)), route }), { maxLength: 2 }),
  tls: fc.array(fc.record({ match: some(fc.tuple(match, sniHosts)), route }), { maxLength: 2 }),
});

const mode = one("DISABLE", "SIMPLE", "ISTIO_MUTUAL");
const tls = maybe(fc.record({ mode }));
const trafficPolicy = maybe(
  fc.record({
    tls,
    passthrough: fc.boolean(),
    ports: fc.array(fc.record({ number: one(...PORTS), tls }), { maxLength: 1 }),
  }),
);
const ruleShape = fc.record({
  namespace,
  host: one(...HOSTS),
  exportTo: fc.option(one(["*"], ["."]), { nil: undefined }),
  trafficPolicy,
  subsets: fc.uniqueArray(fc.record({ name: one("v1", "v2"), trafficPolicy }), {
    maxLength: 2,
    selector: ({ name }) => name,
  }),
  selector: fc.option(one({ app: "api" }), { nil: undefined, freq: 1 }),
});

const egress = fc.record({
  port: maybe(fc.record({ number: one(...PORTS), protocol: one("TCP", "TLS", "HTTP") })),
  hosts: some(
    one(
      "*/*",
      "./*",
      "shop/*",
      "data/*",
      "*/a.example.com",
      "*/*.example.com",
      "data/b.data.svc.cluster.local",
      "~data/b.data.svc.cluster.local",
      "./a.example.com",
    ),
    3,
  ),
});
const sidecarShape = fc.record({
  namespace,
  selector: maybe(one({ app: "api" }, { app: "web" })),
  egress: fc.array(egress, { minLength: 1, maxLength: 2 }),
  mode: maybe(one("ALLOW_ANY", "REGISTRY_ONLY")),
});

const peerShape = fc.record({
  namespace,
  selector: maybe(one({ app: "a" }, { app: "b" })),
  mode: one("STRICT", "PERMISSIVE", "DISABLE", "UNSET"),
  ports: maybe(fc.record({ port: one(5432, 15432), mode: one("STRICT", "DISABLE") })),
});

export const world = fc
  .record({
    servers,
    services: fc.uniqueArray(serviceShape, {
      maxLength: 3,
      selector: ({ namespace: at, name }) => `${at}/${name}`,
    }),
    entries: fc.array(entryShape, { maxLength: 3 }),
    routes: fc.array(routeShape, { maxLength: 2 }),
    rules: fc.array(ruleShape, { maxLength: 2 }),
    sidecars: fc.array(sidecarShape, { maxLength: 1 }),
    peers: fc.array(peerShape, { maxLength: 1 }),
    outbound: one("ALLOW_ANY" as const, "REGISTRY_ONLY" as const),
  })
  .map(build);

const GATEWAY: Pod = {
  name: "out",
  namespace: "istio-system",
  ip: "10.1.0.9",
  labels: { istio: "out" },
  serviceAccount: "out",
  sidecar: true,
};

/** A world with a gateway that has one server a port: how servers share a port is not drawn. */
export const gatewayWorld = fc
  .record({
    drawn: world,
    servers: fc.uniqueArray(
      fc.record({
        number: one(...PORTS),
        hosts: fc.uniqueArray(one("*", "shop/*", "./*.example.com", ...HOSTS), {
          minLength: 1,
          maxLength: 2,
        }),
        tls: maybe(one("PASSTHROUGH", "ISTIO_MUTUAL")),
      }),
      { minLength: 1, maxLength: 3, selector: ({ number }) => number },
    ),
  })
  .map(({ drawn, servers: written }) => ({
    ...drawn,
    gateway: GATEWAY,
    objects: [
      ...drawn.objects.map(boundToGateway),
      podObject(GATEWAY),
      {
        apiVersion: "networking.istio.io/v1",
        kind: "Gateway",
        metadata: named("out", "istio-system"),
        spec: {
          selector: { istio: "out" },
          servers: written.map(({ number, hosts, tls: own }) => ({
            port: { number, name: `p${number}`, protocol: own === undefined ? "TCP" : "TLS" },
            hosts,
            ...(own && { tls: { mode: own } }),
          })),
        },
      },
    ],
  }));

/** Most routes are bound to no gateway: here all that may be are. */
function boundToGateway<T extends { readonly kind: string }>(object: T): T {
  if (object.kind !== "VirtualService" || !("spec" in object)) return object;
  return { ...object, spec: { ...(object.spec as object), gateways: ["istio-system/out", "mesh"] } };
}

export type Shape = ReturnType<typeof build>;

export type Parts = {
  readonly servers: readonly { namespace: string; service: string; version: string; sidecar: boolean }[];
  readonly services: readonly (typeof serviceShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly entries: readonly (typeof entryShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly routes: readonly (typeof routeShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly rules: readonly (typeof ruleShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly sidecars: readonly (typeof sidecarShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly peers: readonly (typeof peerShape extends fc.Arbitrary<infer T> ? T : never)[];
  readonly outbound: "ALLOW_ANY" | "REGISTRY_ONLY";
};

function build(parts: Parts) {
  const pods: Pod[] = [
    ...CLIENTS,
    ...parts.servers.map(({ namespace: at, service, version, sidecar }, index) => ({
      name: `${service}-${index}`,
      namespace: at,
      ip: `10.1.1.${index + 1}`,
      labels: { app: service, version },
      serviceAccount: service,
      sidecar,
    })),
  ];
  const services = parts.services.map(({ headless, exportTo: to, ports, ...shape }, index) => ({
    ...shape,
    clusterIP: headless ? "None" : `10.96.0.${index + 1}`,
    object: {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        ...named(shape.name, shape.namespace),
        ...(to && { annotations: { "networking.istio.io/exportTo": to.join(",") } }),
      },
      spec: {
        clusterIP: headless ? "None" : `10.96.0.${index + 1}`,
        selector: { app: shape.name },
        ports: ports.map(({ port, name, target }) => ({
          port,
          name: `${name}-${port}`,
          protocol: "TCP",
          targetPort: target || port,
        })),
      },
    },
  }));
  const meta = (prefix: string, index: number, at: string) => named(`${prefix}${index}`, at);
  const istio = [
    ...parts.entries.map((entry, index) => {
      // Of entries for one host in one namespace the oldest decides; of one second, istiod leaves it to chance.
      const rivals = parts.entries
        .slice(0, index)
        .filter(({ namespace: at }) => at === entry.namespace).length;
      const creationTimestamp = `2026-01-01T00:00:0${rivals}Z`;
      // Which of several addresses comes first istiod leaves to chance too; it matters only here.
      const first = parts.sidecars.length > 0 || entry.ports.some(({ protocol }) => protocol === "");
      const addresses = first ? entry.addresses?.slice(0, 1) : entry.addresses;
      return entryObject(
        { ...entry, addresses },
        { ...meta("entry", index, entry.namespace), creationTimestamp },
      );
    }),
    ...parts.routes.flatMap((route, index) => routeObject(route, meta("route", index, route.namespace))),
    ...parts.rules.map((rule, index) => ruleObject(rule, meta("rule", index, rule.namespace))),
    ...parts.sidecars.map((sidecar, index) =>
      sidecarObject(sidecar, meta("sidecar", index, sidecar.namespace)),
    ),
    ...parts.peers.map((peer, index) => peerObject(peer, meta("peer", index, peer.namespace))),
  ];
  const objects = [
    ...NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...pods.map(podObject),
    ...services.flatMap(({ object }) => [object, ...slice(object, pods)]),
    // What Istio refuses says nothing on where it routes.
    ...istio.filter((object) => validateObject(object).verdict !== "invalid"),
  ];
  const addresses = [
    ...services.flatMap(({ clusterIP }) => (clusterIP === "None" ? [] : [clusterIP])),
    ...pods.slice(CLIENTS.length).map(({ ip }) => ip),
    "240.0.0.1",
    "240.0.0.2",
    "240.0.1.7",
    "192.0.2.7",
  ];
  return { objects, addresses, clients: CLIENTS, outbound: parts.outbound };
}
