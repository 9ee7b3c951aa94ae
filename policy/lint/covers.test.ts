import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildTable, type Connection, decide, type Subjects } from "../decide/index.ts";
import type { Rule } from "../model/types.ts";
import { covers } from "./covers.ts";

const some = <T>(...values: T[]) => fc.subarray(values, { minLength: 0 });
const spiffe = (namespace: string, account: string) => `spiffe://t/ns/${namespace}/sa/${account}`;
const workloads = ["a", "b"].flatMap((namespace) => ["x", "y"].map((account) => spiffe(namespace, account)));
const subjects: fc.Arbitrary<Subjects> = fc.record({
  workloads: some(...workloads),
  namespaces: some(...["a", "b"].map((namespace) => ({ trustDomain: "t", namespace }))),
  cidrs: some("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "fd00::/8"),
  users: some("o:u"),
  idpGroups: some("o:g", "o:h"),
  awsRoles: some("r"),
  agents: fc.constant([]),
});
const when = fc.record(
  {
    notBefore: fc.constantFrom("2026-01-01", "2026-02-01"),
    expires: fc.constantFrom("2026-03-01", "2026-04-01"),
    sourceCidrs: fc.subarray(["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"], { minLength: 1 }),
    sni: fc.subarray(["a.example", "*.example"], { minLength: 1 }),
  },
  { requiredKeys: [] },
);
const rule = fc.record({
  ports: fc.subarray([1, 2], { minLength: 1 }),
  via: fc.subarray(["mesh", "proxy"] as const, { minLength: 1 }),
  subjects,
  when,
});
type RuleParts = typeof rule extends fc.Arbitrary<infer T> ? T : never;

/** A rule that is probably within another: part of its subjects and ports, with more conditions. */
function partOf(outer: RuleParts, other: RuleParts): RuleParts {
  const { workloads, users, idpGroups, cidrs } = outer.subjects;
  return {
    ports: outer.ports.slice(0, 1),
    via: outer.via.slice(0, 1),
    subjects: {
      ...outer.subjects,
      workloads: workloads.slice(1),
      users,
      idpGroups,
      cidrs: cidrs.slice(0, 1),
    },
    when: { ...outer.when, ...other.when },
  };
}

const base = {
  action: "allow",
  service: "s",
  source: "grant",
  limits: undefined,
  audit: "standard",
} as const;

const connection: fc.Arbitrary<Connection> = fc.record({
  via: fc.constantFrom("mesh", "proxy"),
  service: fc.constant("s"),
  port: fc.constantFrom(1, 2),
  principal: fc.oneof(
    fc.record({ workload: fc.constantFrom(...workloads) }),
    fc.record({
      person: fc.record({
        user: fc.constantFrom("o:u", "o:v"),
        groups: some("o:g", "o:h"),
        awsRole: fc.constantFrom("r", "q"),
      }),
    }),
    fc.constant({}),
  ),
  sourceIp: fc.constantFrom("10.1.2.3", "10.2.3.4", "192.0.2.1", "fd00::1", "203.0.113.1", undefined),
  sni: fc.constantFrom("a.example", "b.example", undefined),
});

function allowed(only: Rule, conn: Connection, instant: number): boolean {
  const table = buildTable({
    trustDomain: "t",
    trustDomainAliases: [],
    services: [{ name: "s", ports: [1, 2], strict: false }],
    rules: [only],
    agents: [],
  });
  return decide(table, conn, instant).verdict === "allow";
}

describe("covers", () => {
  it("never claims that a rule holds what `decide` says it does not", () => {
    let claimed = 0;
    fc.assert(
      fc.property(
        rule,
        rule,
        fc.boolean(),
        fc.array(connection, { minLength: 10, maxLength: 10 }),
        fc.integer({ min: 0, max: 5 }),
        (a, b, related, connections, month) => {
          const [outer, inner] = [
            { ...base, ...a, id: "outer", origin: undefined },
            { ...base, ...(related ? partOf(a, b) : b), id: "inner", origin: undefined },
          ];
          if (!covers(outer, inner)) return;
          claimed++;
          const instant = Date.UTC(2025, 11 + month, 15);
          for (const conn of connections)
            if (allowed(inner, conn, instant)) expect(allowed(outer, conn, instant)).toBe(true);
        },
      ),
      { numRuns: 5_000 },
    );
    // The property would hold for a function that never claims anything.
    expect(claimed).toBeGreaterThan(200);
  });

  it("claims it for a rule and itself", () => {
    fc.assert(
      fc.property(rule, (a) => {
        const one = { ...base, ...a, id: "one", origin: undefined };
        expect(covers(one, one)).toBe(true);
      }),
    );
  });
});
