/**
 * The words the random policies and connections are made of: few, so that they meet often, and chosen so that every
 * way to match and to just miss is among them.
 */

export const WORKLOAD_NAMESPACE = "shop";
export const ROOT_NAMESPACE = "istio-system";
export const TRUST_DOMAINS = ["td1", "old-td", "cluster.local", "other.example", "new-td"] as const;
export const NAMESPACES = ["shop", "data", "shop-x", "ops"] as const;
export const ACCOUNTS = ["api", "db", "api-2"] as const;

/** A trust domain of the mesh with its aliases. */
export const MESHES: readonly {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
}[] = [
  { trustDomain: "td1", trustDomainAliases: ["old-td"] },
  { trustDomain: "cluster.local", trustDomainAliases: [] },
  { trustDomain: "td1", trustDomainAliases: [] },
  { trustDomain: "td1", trustDomainAliases: ["old-td", "other.example", "cluster.local"] },
];

export const PRINCIPAL_PATTERNS = [
  "*",
  "**",
  "*api",
  "*/ns/shop/sa/api",
  "*td/ns/shop/sa/api",
  "*-td/ns/data/sa/db",
  "td*/ns/shop/sa/api",
  "old*/ns/shop/sa/api",
  "td1/*",
  "td1/ns/shop/*",
  "cluster.local/ns/shop/*",
  "*shop*",
  // Longer than what follows `spiffe://`.
  "*//td1/ns/shop/sa/api",
  "spiffe://td1/ns/shop/sa/api",
  "td1/ns/shop",
  "TD1/ns/shop/sa/api",
  "",
] as const;

export const NAMESPACE_PATTERNS = [
  "shop",
  "data",
  "sh*",
  "*op",
  "*",
  "s*p",
  "s*sa",
  "*o*",
  "sh.p",
  "shop/sa",
  "shop/*",
  "SHOP",
  "",
] as const;

export const ACCOUNT_PATTERNS = [
  "api",
  "db",
  "shop/api",
  "data/db",
  "shop/*",
  "*",
  "shop/sa/api",
  "",
] as const;

export const TRUST_DOMAIN_PATTERNS = [
  ...TRUST_DOMAINS,
  "*",
  "td*",
  "*-td",
  "o*d",
  "td*shop",
  "*example",
  "td1/ns",
  "",
] as const;

/** IP blocks that hold some of the addresses below: with bits beyond the prefix, and bare. */
export const IP_BLOCKS = [
  "10.1.0.0/16",
  "10.1.2.3",
  "10.1.2.3/32",
  "10.1.2.3/8",
  "10.0.0.0/9",
  "192.168.0.0/30",
  "0.0.0.0/0",
  "::/0",
  "2001:db8::/32",
  "2001:db8::1",
] as const;

/** Blocks that are read, but hold no IPv4 peer: IPv4-mapped and IPv4 written in IPv6. */
export const ODD_IP_BLOCKS = ["::ffff:10.1.0.0/112", "::ffff:10.1.2.3", "::1.2.3.4/96"] as const;

export const NO_IP_BLOCKS = [
  "10.1",
  "10.1.2.3/33",
  "10.1.2.3/08",
  "010.1.2.3",
  "2001:db8:::1",
  "2001:db8::1/129",
  "host",
  "",
] as const;

export const ADDRESSES = [
  "10.1.2.3",
  "10.1.2.4",
  "10.200.0.1",
  "192.168.0.3",
  "192.168.0.4",
  "2001:db8::1",
  "2001:db9::1",
  "::ffff:10.1.2.3",
  "::1",
] as const;

/** Ports in another spelling, and what is no port. */
export const PORT_TEXTS = ["005432", "0", "65536", "99999999999", "abc", "-1", "5432 ", ""] as const;

/** 5432 and 16379 are declared by a Service (as 5432 and 6379), the others are not. */
export const PORTS = [5432, 16379, 6379, 9042, 65535, 1] as const;

export const SNI_PATTERNS = [
  "db.example.com",
  "*.example.com",
  "db.*",
  "*",
  "**",
  "*db*",
  "DB.example.com",
  "",
] as const;

export const SERVER_NAMES = [
  "db.example.com",
  "DB.example.com",
  "other.example.com",
  "db.internal",
  "*",
] as const;

export const HTTP_VALUES = ["GET", "/admin", "admin.example.com", "*"] as const;

export const HTTP_KEYS = [
  "request.headers[x-user]",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
  "request.auth.claims[group]",
] as const;

export const OTHER_KEYS = [
  "experimental.envoy.filters.network.mysql_proxy[db.table]",
  "experimental.envoy.filters.broken",
  "source.labels",
  "destination.user",
  "",
] as const;

/** Extension providers: a good one of each kind, and each way to be broken. The oracle resolves the authorizer's host. */
export const PROVIDERS = [
  { name: "grpc", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
  { name: "http", envoyExtAuthzHttp: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
  { name: "no-port", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 0 } },
  { name: "no-service", envoyExtAuthzHttp: { port: 9000 } },
  { name: "Upper", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
  { name: "twice", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
  { name: "twice", envoyExtAuthzHttp: { service: "authorizer2.auth.svc.cluster.local", port: 9000 } },
  { name: "zipkin" },
] as const;

export const PROVIDER_NAMES = [
  "grpc",
  "grpc",
  "grpc",
  "http",
  "no-port",
  "no-service",
  "Upper",
  "twice",
  "zipkin",
  "absent",
] as const;
