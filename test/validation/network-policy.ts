// NetworkPolicies drawn with values on both sides of every rule of the API server.
import fc from "fast-check";

const PROTOCOLS = ["TCP", "UDP", "SCTP", "tcp", "", "ICMP"];
const PORTS: readonly unknown[] = [
  80,
  1,
  65535,
  "http",
  "db-2",
  65536,
  0,
  -1,
  "80",
  "HTTP",
  "a--b",
  "-a",
  "a".repeat(16),
  "",
  1.5,
  true,
  null,
  2147483648,
];
const END_PORTS: readonly unknown[] = [90, 80, 65535, 79, 65536, 0, null, "90"];
const CIDRS: readonly unknown[] = [
  "10.0.0.0/8",
  "10.1.0.0/16",
  "0.0.0.0/0",
  "2001:db8::/32",
  "::/0",
  "FE80::/16",
  "10.0.0.1/8",
  "10.0.0.0/33",
  "010.0.0.0/8",
  "10.0.0.0/08",
  "",
  "x",
  "10.0.0.0",
  "2001:0db8::/32",
  "::ffff:10.0.0.0/104",
  "2001:db8::1/32",
  "1:0:0:0:0:0:0:0/16",
  "fe80::%a/64",
  1,
  null,
];
const KEYS = ["app", "a.b/c", "", "-a", "a/b/c", "/a", "A_b", "a".repeat(64), "UP.x/y"];
const VALUES: readonly unknown[] = ["v", "", "a b", "-a", "a".repeat(64), "A.b_c", 1, null];
const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", ""];
const TYPES: readonly unknown[] = ["Ingress", "Egress", "ingress", "", null];

function often<T>(good: number, pool: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 25, arbitrary: fc.constantFrom(...pool.slice(0, good)) },
    { weight: 1, arbitrary: fc.constantFrom(...pool) },
  );
}

/** An object with some of these fields; rarely, one that nobody knows. */
function some(
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  required: readonly string[] = [],
): fc.Arbitrary<unknown> {
  const model = { ...fields };
  const object = fc.record(model, { requiredKeys: [...required] });
  return fc.tuple(object, fc.nat(900)).map(([made, luck]) => (luck === 0 ? { ...made, nonsense: 1 } : made));
}

const list = (item: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 80, arbitrary: fc.array(item, { maxLength: 2 }) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, {}, [null]) },
  );

const labels = fc
  .array(fc.tuple(often(2, KEYS), often(2, VALUES)), { maxLength: 2 })
  .map((pairs) => Object.fromEntries(pairs));
const expression = some(
  { key: often(2, KEYS), operator: often(4, OPERATORS), values: list(often(2, VALUES)) },
  ["key", "operator"],
);
const selector = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 4, arbitrary: some({ matchLabels: labels }) },
  { weight: 3, arbitrary: some({ matchExpressions: list(expression) }) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const ipBlock = some({ cidr: often(6, CIDRS), except: list(often(6, CIDRS)) }, ["cidr"]);
const peer = fc.oneof(
  { weight: 4, arbitrary: some({ podSelector: selector }, ["podSelector"]) },
  { weight: 2, arbitrary: some({ podSelector: selector, namespaceSelector: selector }) },
  { weight: 5, arbitrary: some({ ipBlock }, ["ipBlock"]) },
  { weight: 1, arbitrary: some({ podSelector: selector, namespaceSelector: selector, ipBlock }) },
);
const port = some({ protocol: often(3, PROTOCOLS), port: often(5, PORTS), endPort: often(3, END_PORTS) });
const spec = some(
  {
    podSelector: selector,
    policyTypes: list(often(2, TYPES)),
    ingress: list(some({ from: list(peer), ports: list(port) })),
    egress: list(some({ to: list(peer), ports: list(port) })),
  },
  ["podSelector"],
);
const metadata = some({
  labels,
  annotations: labels,
  namespace: often(1, ["app", "A", "", "a.b", null]),
}).map((made) => ({ ...Object(made), name: "x" }));

/** NetworkPolicy objects. */
export const networkPolicies: fc.Arbitrary<unknown> = fc.tuple(metadata, spec).map(([meta, made]) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: meta,
  spec: made,
}));
