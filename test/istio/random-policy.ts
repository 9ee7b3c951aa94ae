import fc from "fast-check";
import {
  grant,
  group,
  type PolicyObject,
  service,
  trust,
  waiver,
  workload,
} from "../../policy/load/object.ts";
import type { GrantSpecInput, ServiceSpecInput } from "../../policy/schema/index.ts";

/** Names and addresses that random policies and the connections against them are drawn from: few, so that they meet. */
export const POOL = {
  trustDomain: "prod.example.com",
  aliases: ["old.example.com", "older.example.com"],
  foreign: "other.example.com",
  namespaces: ["shop", "batch", "ops"],
  accounts: ["api", "worker"],
  services: ["cache", "ledger", "queue"],
  cidrs: ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "fd00::/8", "fd00:1::/32"],
  addresses: ["10.1.2.3", "10.1.2.4", "10.2.0.1", "192.0.2.9", "fd00:1::5", "fd00:2::5", "2001:db8::1"],
} as const;

const pick = <T>(...values: T[]) => fc.constantFrom(...values);
const some = <T>(values: readonly T[], min = 0) => fc.subarray([...values], { minLength: min });
const serviceNames: readonly string[] = POOL.services;
const workloadIds = POOL.namespaces.flatMap((namespace) =>
  POOL.accounts.map((name) => `${namespace}/${name}`),
);

const ports = fc
  .uniqueArray(fc.record({ port: pick(5432, 6379, 9000), targetPort: pick(5432, 6379, 15432, 19000) }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ port }) => port,
  })
  .map((list) => list.map(({ port, targetPort }) => ({ port, targetPort })));

function serviceSpec(name: string): fc.Arbitrary<ServiceSpecInput> {
  return fc
    .record(
      {
        protocol: pick("tcp" as const, "postgres" as const, "redis" as const),
        ports,
        location: fc.oneof(
          { weight: 4, arbitrary: meshLocation(name) },
          {
            weight: 1,
            arbitrary: pick(
              { type: "external" as const, egress: "gateway" as const },
              { type: "external" as const },
            ),
          },
        ),
        plaintext: fc.boolean(),
      },
      { noNullPrototype: true },
    )
    .map(({ plaintext, ...spec }) => ({
      ...spec,
      ...(spec.location.type === "external" && { hosts: [`${name}.example.com`] }),
      ...(plaintext && spec.location.type === "mesh" && { tls: { mode: "none" as const } }),
    }));
}

function meshLocation(name: string) {
  return fc.record(
    {
      type: fc.constant("mesh" as const),
      namespace: pick(...POOL.namespaces),
      // The second form overlaps with other services' selectors: then compiling has to refuse, or the verdicts to agree.
      selector: pick<Record<string, string>>(
        { app: name },
        { app: name },
        { app: name, tier: "db" },
        { tier: "db" },
      ),
      serviceAccount: pick("cache", "ledger"),
    },
    { requiredKeys: ["type", "namespace", "selector"], noNullPrototype: true },
  );
}

const grantSpec: fc.Arbitrary<GrantSpecInput> = fc.record(
  {
    action: pick("allow" as const, "allow" as const, "deny" as const),
    from: fc.record(
      {
        workloads: some(workloadIds),
        namespaces: some(POOL.namespaces),
        cidrs: some(POOL.cidrs),
        groups: some(["machines", "people"]),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    to: fc.record(
      { service: pick(...POOL.services), ports: some([5432, 6379, 9000], 1) },
      { requiredKeys: ["service"], noNullPrototype: true },
    ),
    via: pick("mesh" as const, "proxy" as const, "both" as const),
    when: fc.record(
      { sourceCidrs: some(POOL.cidrs, 1), expires: fc.constant("2030-01-01T00:00:00Z") },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { requiredKeys: ["action", "from", "to"], noNullPrototype: true },
);

/** Takes out what loading refuses, so that most policy sets are valid and the rest of a grant is judged. */
function enforceable(spec: GrantSpecInput, target: ServiceSpecInput): GrantSpecInput {
  const known = target.ports.map((port) => (typeof port === "number" ? port : port.port));
  const ports = spec.to.ports?.filter((port) => known.includes(port));
  const atProxy = target.location.type === "external" && target.location.egress !== "gateway";
  const via = atProxy && spec.via !== "proxy" ? undefined : spec.via;
  const meshOnly =
    via === "mesh" || via === "both" || (spec.action === "deny" && via === undefined && !atProxy);
  const groups = (spec.from.groups ?? []).filter((name) => via !== "mesh" || name !== "people");
  const nobody = [groups, spec.from.workloads, spec.from.namespaces, spec.from.cidrs].every(
    (list) => !list?.length,
  );
  const when = {
    ...(spec.when?.sourceCidrs && { sourceCidrs: spec.when.sourceCidrs }),
    ...(spec.when?.expires && !meshOnly && { expires: spec.when.expires }),
  };
  return {
    action: spec.action ?? "allow",
    from: { ...spec.from, groups: nobody ? ["machines"] : groups },
    to: { service: spec.to.service, ...(ports && ports.length > 0 && { ports }) },
    ...(via && { via }),
    when,
  };
}

/** A policy set. Not every one is valid: some name ports that do not exist, or ask for what cannot be enforced. */
export const randomPolicy: fc.Arbitrary<PolicyObject[]> = fc
  .record({
    aliases: some(POOL.aliases),
    dataPlane: pick("sidecar" as const, "ambient" as const),
    services: fc.tuple(...POOL.services.map(serviceSpec)),
    grants: fc.array(grantSpec, { minLength: 1, maxLength: 8 }),
    waived: some(POOL.services),
    members: some(workloadIds),
    labelled: fc.boolean(),
  })
  .map(({ aliases, dataPlane, services, grants, waived, members, labelled }) => [
    trust("estate", {
      trustDomain: POOL.trustDomain,
      trustDomainAliases: aliases,
      clusters: [{ name: "use1", dataPlane, istioVersion: "1.31", egressGateway: {} }],
      identityProviders: {
        oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
      },
    }),
    ...POOL.services.map((name, index) => service(name, services[index] ?? fail())),
    ...workloadIds.map((id) => workload(id, labelled ? { selector: { app: id.replace("/", "-") } } : {})),
    group("machines", { members: { workloads: members } }),
    group("people", { members: { users: ["okta:alice@example.com"] } }),
    ...grants.map((spec, index) => {
      const target = services[serviceNames.indexOf(spec.to.service)];
      return grant(`grant-${index}`, target ? enforceable(spec, target) : spec);
    }),
    ...(waived.length === 0
      ? []
      : [
          waiver("plaintext", {
            rule: "PR501",
            scope: waived.map((name) => `Service/${name}`),
            owner: "platform",
            reason: "legacy clients",
            expires: "2030-01-01T00:00:00Z",
          }),
        ]),
  ]);

function fail(): never {
  throw new Error("a service is missing");
}
