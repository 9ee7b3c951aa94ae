/** Random policy sets and connections, as fast-check arbitraries: a failing one is shrunk to its smallest form. */
import fc from "fast-check";
import type { DataPlane, TcpConnection } from "../../policy/istio/authorization/index.ts";
import type {
  AuthorizationPolicy,
  Condition,
  Operation,
  PeerAuthentication,
  Rule,
  Source,
  WorkloadSelector,
} from "../../policy/istio/objects.ts";
import type { Group } from "./oracle.ts";
import * as words from "./vocabulary.ts";

const of = <T>(list: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...list);

const identity = fc
  .tuple(of(words.TRUST_DOMAINS), of(words.NAMESPACES), of(words.ACCOUNTS))
  .map(([trustDomain, namespace, account]) => `${trustDomain}/ns/${namespace}/sa/${account}`);

/** Exact identities are as frequent as patterns, since peers are made of the same words. */
const principalPattern = fc.oneof(of(words.PRINCIPAL_PATTERNS), identity);
const port = fc.oneof(
  { weight: 9, arbitrary: of(words.PORTS.map(String)) },
  { weight: 1, arbitrary: of(words.PORT_TEXTS) },
);
/** An ALLOW rule with one unreadable value is dropped whole, so such values are rare. */
const ipBlock = fc.oneof(
  { weight: 18, arbitrary: of(words.IP_BLOCKS) },
  { weight: 1, arbitrary: of(words.ODD_IP_BLOCKS) },
  { weight: 1, arbitrary: of(words.NO_IP_BLOCKS) },
);

function values(value: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.array(value, { minLength: 1, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant<string[]>([]) },
  );
}

/** Mostly one of the fields, at times several: a rule with many would hardly ever match. */
function someFields<T extends object>(
  fields: {
    readonly [K in keyof T]: fc.Arbitrary<T[K]>;
  },
): fc.Arbitrary<Partial<T>> {
  const names = Object.keys(fields) as (keyof T)[];
  const chosen = fc.oneof(
    { weight: 6, arbitrary: of(names).map((name) => [name]) },
    { weight: 3, arbitrary: fc.uniqueArray(of(names), { maxLength: 3 }) },
  );
  return chosen.chain((which) => {
    const record = Object.fromEntries(which.map((name) => [name, fields[name]]));
    return fc.record(record) as unknown as fc.Arbitrary<Partial<T>>;
  });
}

const requestSource = {
  requestPrincipals: values(of(words.HTTP_VALUES)),
  notRequestPrincipals: values(of(words.HTTP_VALUES)),
};
const peerSource = {
  principals: values(principalPattern),
  notPrincipals: values(principalPattern),
  namespaces: values(of(words.NAMESPACE_PATTERNS)),
  notNamespaces: values(of(words.NAMESPACE_PATTERNS)),
  serviceAccounts: values(of(words.ACCOUNT_PATTERNS)),
  notServiceAccounts: values(of(words.ACCOUNT_PATTERNS)),
  trustDomains: values(of(words.TRUST_DOMAIN_PATTERNS)),
  notTrustDomains: values(of(words.TRUST_DOMAIN_PATTERNS)),
  ipBlocks: values(ipBlock),
  notIpBlocks: values(ipBlock),
  remoteIpBlocks: values(ipBlock),
  notRemoteIpBlocks: values(ipBlock),
};
const source: fc.Arbitrary<Source> = fc.oneof(
  { weight: 8, arbitrary: someFields<Source>(peerSource) },
  { weight: 1, arbitrary: someFields<Source>({ ...requestSource, ...peerSource }) },
  { weight: 1, arbitrary: someFields<Source>(requestSource) },
);

const tcpOperation = { ports: values(port), notPorts: values(port) };
const httpOperation = {
  hosts: values(of(words.HTTP_VALUES)),
  notHosts: values(of(words.HTTP_VALUES)),
  methods: values(of(words.HTTP_VALUES)),
  notMethods: values(of(words.HTTP_VALUES)),
  paths: values(of(words.HTTP_VALUES)),
  notPaths: values(of(words.HTTP_VALUES)),
};
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: someFields<Operation>(tcpOperation) },
  { weight: 1, arbitrary: someFields<Operation>({ ...tcpOperation, ...httpOperation }) },
  { weight: 1, arbitrary: someFields<Operation>(httpOperation) },
);

/** Mostly of one side: values and notValues of the same few words would rule each other out. */
function condition(key: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<Condition> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ key, values: values(value) }) },
    { weight: 4, arbitrary: fc.record({ key, notValues: values(value) }) },
    { weight: 1, arbitrary: fc.record({ key, values: values(value), notValues: values(value) }) },
    { weight: 1, arbitrary: fc.record({ key }) },
  );
}

const when = fc.oneof(
  { weight: 1, arbitrary: condition(fc.constant("source.ip"), ipBlock) },
  { weight: 1, arbitrary: condition(fc.constant("remote.ip"), ipBlock) },
  { weight: 1, arbitrary: condition(fc.constant("destination.ip"), ipBlock) },
  { weight: 1, arbitrary: condition(fc.constant("source.namespace"), of(words.NAMESPACE_PATTERNS)) },
  { weight: 1, arbitrary: condition(fc.constant("source.principal"), principalPattern) },
  { weight: 1, arbitrary: condition(fc.constant("source.serviceAccount"), of(words.ACCOUNT_PATTERNS)) },
  { weight: 1, arbitrary: condition(fc.constant("source.trustDomain"), of(words.TRUST_DOMAIN_PATTERNS)) },
  { weight: 1, arbitrary: condition(fc.constant("destination.port"), port) },
  { weight: 1, arbitrary: condition(fc.constant("connection.sni"), of(words.SNI_PATTERNS)) },
  { weight: 2, arbitrary: condition(of(words.HTTP_KEYS), of(words.HTTP_VALUES)) },
  { weight: 1, arbitrary: condition(of(words.OTHER_KEYS), of(words.HTTP_VALUES)) },
);

/** istiod reads a null pointer for ztunnel where an entry has no source or operation; its webhook lets none through. */
function rule(dataplane: DataPlane): fc.Arbitrary<Rule> {
  const from = fc.record({ source }, { requiredKeys: dataplane === "ztunnel" ? ["source"] : [] });
  const to = fc.record({ operation }, { requiredKeys: dataplane === "ztunnel" ? ["operation"] : [] });
  const list = <T>(entry: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.oneof(
      { weight: 3, arbitrary: entry.map((one) => [one]) },
      { weight: 1, arbitrary: fc.array(entry, { maxLength: 2 }) },
    );
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ from: list(from) }) },
    { weight: 2, arbitrary: fc.record({ to: list(to) }) },
    { weight: 6, arbitrary: fc.record({ when: list(when) }) },
    {
      weight: 4,
      arbitrary: fc.record({ from: list(from), to: list(to), when: list(when) }, { requiredKeys: [] }),
    },
  );
}

const selector: fc.Arbitrary<WorkloadSelector> = of([
  { matchLabels: { app: "db" } },
  { matchLabels: { app: "db" } },
  { matchLabels: { app: "web" } },
  { matchLabels: { app: "db", tier: "back" } },
  { matchLabels: {} },
  {},
]);

const namespace = fc.oneof(
  { weight: 8, arbitrary: fc.constant<string>(words.WORKLOAD_NAMESPACE) },
  { weight: 3, arbitrary: fc.constant<string>(words.ROOT_NAMESPACE) },
  { weight: 1, arbitrary: fc.constant<string>("data") },
);
/** The value in `percent` of the draws, otherwise nothing; shrinks to nothing. */
function maybe<T>(percent: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: 100 - percent, arbitrary: fc.constant(undefined) },
    { weight: percent, arbitrary: value },
  );
}

const GATEWAY = "gateway.networking.k8s.io";
const target = of([
  { group: GATEWAY, kind: "Gateway", name: "gw" },
  { group: GATEWAY, kind: "Gateway", name: "other" },
  { group: GATEWAY, kind: "Gateway", name: "gw", namespace: "data" },
  { group: GATEWAY, kind: "GatewayClass", name: "istio-waypoint" },
  { kind: "Service", name: "orders-db" },
]);

function authorizationPolicy(dataplane: DataPlane, name: string): fc.Arbitrary<AuthorizationPolicy> {
  return fc
    .record({
      namespace,
      dryRun: maybe(20, of(["true", "1", "false", "yes", ""])),
      selector: maybe(25, selector),
      targetRef: maybe(5, target),
      targetRefs: maybe(8, fc.array(target, { maxLength: 2 })),
      action: of(["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "CUSTOM", "AUDIT", undefined] as const),
      rules: fc.oneof(
        { weight: 3, arbitrary: fc.constant(undefined) },
        { weight: 46, arbitrary: fc.array(rule(dataplane), { maxLength: 3 }) },
        // Envoy tries rule 10 before rule 2.
        { weight: 1, arbitrary: fc.array(rule(dataplane), { minLength: 11, maxLength: 12 }) },
      ),
      provider: of(words.PROVIDER_NAMES),
    })
    .map(({ namespace, dryRun, action, provider, ...spec }) =>
      plain<AuthorizationPolicy>({
        apiVersion: "security.istio.io/v1",
        kind: "AuthorizationPolicy",
        metadata: {
          name,
          namespace,
          annotations: dryRun === undefined ? undefined : { "istio.io/dry-run": dryRun },
        },
        spec: { ...spec, action, provider: action === "CUSTOM" ? { name: provider } : undefined },
      }),
    );
}

const mode = of(["STRICT", "STRICT", "PERMISSIVE", "DISABLE", "UNSET"] as const);
const mtls = maybe(75, fc.record({ mode }, { requiredKeys: [] }));

function peerAuthentication(name: string, second: number): fc.Arbitrary<PeerAuthentication> {
  return fc
    .record({
      namespace: of([
        words.WORKLOAD_NAMESPACE,
        words.WORKLOAD_NAMESPACE,
        words.WORKLOAD_NAMESPACE,
        words.ROOT_NAMESPACE,
        words.ROOT_NAMESPACE,
        "data",
      ]),
      selector: maybe(50, selector),
      mtls,
      portLevelMtls: maybe(
        60,
        fc.dictionary(of(words.PORTS.map(String)), fc.record({ mode }, { requiredKeys: [] }), { maxKeys: 3 }),
      ),
    })
    .map(({ namespace, ...spec }) =>
      plain<PeerAuthentication>({
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: {
          name,
          namespace,
          creationTimestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
        },
        spec,
      }),
    );
}

/** A mode at each step from the mesh down to the port: the cases in which one step overrides another. */
const peerLadder: fc.Arbitrary<PeerAuthentication[]> = fc
  .record({
    mesh: maybe(80, mtls),
    namespace: maybe(50, mtls),
    workload: mtls,
    ports: fc.dictionary(of(["5432", "16379"]), fc.record({ mode }), { minKeys: 1 }),
  })
  .map(({ mesh, namespace, workload, ports }) => {
    const step = (name: string, spec: object, where: string = words.WORKLOAD_NAMESPACE) =>
      plain<PeerAuthentication>({
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: { name, namespace: where, creationTimestamp: "2026-01-01T00:00:00Z" },
        spec,
      });
    return [
      ...(mesh === undefined ? [] : [step("mesh", { mtls: mesh }, words.ROOT_NAMESPACE)]),
      ...(namespace === undefined ? [] : [step("namespace", { mtls: namespace })]),
      step("workload", { selector: { matchLabels: { app: "db" } }, mtls: workload, portLevelMtls: ports }),
    ];
  });

/** Kubernetes objects have no `undefined`: such fields are absent. */
function plain<T>(value: unknown): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Peers: mostly identified, and also from pods whose identity has more parts, which only a sidecar can take. */
export function connection(dataplane: DataPlane, percentPlaintext: number): fc.Arbitrary<TcpConnection> {
  const odd = of(["td1/ns/shop/pod/p1/sa/api", "td1/ns/shop/sa/api/extra", "td1/x/ns/data/sa/db"]);
  const principal = fc.oneof(
    { weight: 90 - percentPlaintext, arbitrary: identity },
    { weight: percentPlaintext, arbitrary: fc.constant(null) },
    { weight: dataplane === "sidecar" ? 10 : 0, arbitrary: odd },
  );
  const address = of(words.ADDRESSES);
  return fc.record(
    {
      source: fc.record({ ip: address, principal, remoteIp: address }, { requiredKeys: ["ip", "principal"] }),
      destination: fc.record({ ip: address, port: of(words.PORTS) }),
      sni: of(words.SERVER_NAMES),
    },
    { requiredKeys: ["source", "destination"] },
  );
}

export interface DrawOptions {
  readonly dataplane: DataPlane;
  /** At most; a failing group is shrunk to one. */
  readonly connections: number;
  /** `mtls`: PeerAuthentications alone, and mostly plaintext peers. */
  readonly about: "authorization" | "mtls";
}

export function group({ dataplane, connections, about }: DrawOptions): fc.Arbitrary<Group> {
  const authorization = some(["a", "b", "c", "d"].map((name) => authorizationPolicy(dataplane, name)));
  // Not in the order of their names, which decides only between policies of one second.
  const peer = some([7, 3, 5, 1].map((second, index) => peerAuthentication(`peer-${index}`, second)));
  const none = fc.constant<never[]>([]);
  return fc
    .record({
      authorization: about === "mtls" ? none : authorization,
      // Most sets have none: a STRICT one hides what the authorization policies say of plaintext peers.
      peer:
        about === "mtls"
          ? fc.oneof(peer, peerLadder)
          : fc.oneof({ weight: 4, arbitrary: none }, { weight: 1, arbitrary: peer }),
      mesh: of(words.MESHES),
      labels: of([
        { app: "db" },
        { app: "db", tier: "back" },
        { app: "db", "gateway.networking.k8s.io/gateway-name": "gw" },
      ]),
      namespace: fc.oneof(
        { weight: 8, arbitrary: fc.constant(words.WORKLOAD_NAMESPACE) },
        { weight: 1, arbitrary: fc.constant(words.ROOT_NAMESPACE) },
      ),
      authorizer: of(["allow", "deny"] as const),
      connections: fc.array(connection(dataplane, about === "mtls" ? 60 : 20), {
        minLength: 1,
        maxLength: connections,
        size: "max",
      }),
    })
    .map(({ authorization, peer, mesh, labels, namespace, authorizer, connections }) => ({
      set: {
        dataplane,
        policies: [...authorization, ...peer],
        workload: { namespace, labels, ...mesh, rootNamespace: words.ROOT_NAMESPACE },
        mesh: { extensionProviders: words.PROVIDERS },
        authorizer,
      },
      connections,
    }));
}

function some<T>(makers: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T[]> {
  return fc.subarray([...makers], { minLength: 1 }).chain((chosen) => fc.tuple(...chosen));
}
