import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import type { Connection, DecisionAgent, DecisionRule, DecisionService, Via } from "./index.ts";
import { buildTable, decide } from "./index.ts";

/** All that a verdict rests on, as plain lists. */
interface World {
  readonly aliases: readonly string[];
  readonly services: readonly DecisionService[];
  readonly rules: readonly DecisionRule[];
  readonly agents: readonly DecisionAgent[];
}

const REAL = "real.example";

/**
 * The verdict read off the design, without any index: default deny; plaintext is refused in a strict mesh; any deny
 * of any party wins; and every party that is asserted (the peer, the person, the agent) needs an allow of its own. An
 * agent is nobody once it has expired, or when it acts for somebody it may not act for.
 */
function reference(world: World, connection: Connection, instant: number): "allow" | "deny" {
  const service = world.services.find(({ name }) => name === connection.service);
  if (!service?.ports.includes(connection.port)) return "deny";
  const { workload: presented, agent: agentName } = connection.principal;
  if (connection.via === "mesh" && presented === undefined && (service.strict ?? true)) return "deny";

  const workload = world.aliases.reduce<string | undefined>(
    (id, alias) => id?.replace(new RegExp(`^spiffe://${alias.replaceAll(".", "\\.")}/`), `spiffe://${REAL}/`),
    presented,
  );
  let person = connection.principal.person;
  let agentIsPeer = false;
  if (agentName !== undefined) {
    const agent = world.agents.find(({ name }) => name === agentName);
    if (!agent) return "deny";
    if (agent.expires !== undefined && instant >= new Date(agent.expires).getTime()) return "deny";
    if (person === undefined) {
      if (agent.onBehalfOfUser === undefined) return "deny";
      person = { user: agent.onBehalfOfUser };
    } else {
      const { user, groups } = person;
      const may =
        agent.onBehalfOf.users.some((known) => known === user) ||
        agent.onBehalfOf.idpGroups.some((known) => groups?.includes(known));
      if (!may) return "deny";
    }
    agentIsPeer = agent.workloads.some((id) => id === workload);
  }

  type Party = "peer" | "person" | "agent";
  const parties: Party[] = [];
  const anonymous = workload === undefined && person === undefined && agentName === undefined;
  if ((workload !== undefined && !agentIsPeer) || anonymous) parties.push("peer");
  if (person !== undefined) parties.push("person");
  if (agentName !== undefined) parties.push("agent");

  const inBlock = (cidr: string, rule: DecisionRule): boolean => {
    if (connection.sourceIp === undefined) return rule.action === "deny";
    const address = ipaddr.process(connection.sourceIp);
    const [base, bits] = ipaddr.parseCIDR(cidr);
    return address.kind() === base.kind() && address.match(base, bits);
  };
  const holds = (rule: DecisionRule): boolean => {
    const { notBefore, expires, sourceCidrs, sni } = rule.when;
    if (notBefore !== undefined && instant < new Date(notBefore).getTime()) return false;
    if (expires !== undefined && instant >= new Date(expires).getTime()) return false;
    if (sourceCidrs && !sourceCidrs.some((cidr) => inBlock(cidr, rule))) return false;
    if (!sni) return true;
    const asked = connection.sni;
    return (
      asked !== undefined &&
      sni.some((pattern) =>
        new RegExp(`^${pattern.replaceAll(".", "\\.").replace("*", ".+")}\\.?$`, "i").test(asked),
      )
    );
  };
  const names = ({ subjects }: DecisionRule, party: Party): boolean => {
    switch (party) {
      case "peer":
        return (
          subjects.workloads.some((id) => id === workload) ||
          subjects.namespaces.some(({ trustDomain, namespace }) =>
            new RegExp(`^spiffe://${trustDomain.replaceAll(".", "\\.")}/ns/${namespace}/sa/[^/]+$`).test(
              workload ?? "",
            ),
          )
        );
      case "person":
        return (
          subjects.users.some((user) => user === person?.user) ||
          subjects.idpGroups.some((group) => person?.groups?.includes(group)) ||
          subjects.awsRoles.some((role) => role === person?.awsRole)
        );
      case "agent":
        return subjects.agents.some((name) => name === agentName);
    }
  };
  const here = world.rules.filter(
    (rule) =>
      rule.service === connection.service &&
      (rule.ports ?? service.ports).includes(connection.port) &&
      rule.via.includes(connection.via) &&
      holds(rule),
  );
  const byAddress = (rule: DecisionRule) => rule.subjects.cidrs.some((cidr) => inBlock(cidr, rule));
  const denied = here.some(
    (rule) => rule.action === "deny" && (byAddress(rule) || parties.some((party) => names(rule, party))),
  );
  if (denied) return "deny";
  const granted = (party: Party) =>
    here.some(
      (rule) => rule.action === "allow" && (names(rule, party) || (party === "peer" && byAddress(rule))),
    );
  return parties.every(granted) ? "allow" : "deny";
}

const some = <T>(...values: T[]) => fc.subarray(values, { maxLength: Math.min(2, values.length) });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const spiffe = (domain: string, namespace: string, account: string) =>
  `spiffe://${domain}/ns/${namespace}/sa/${account}`;
const IDS = ["a", "b"].flatMap((namespace) => ["x", "y"].map((account) => spiffe(REAL, namespace, account)));
const CIDRS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.0/24", "fd00::/8", "::/0", "0.0.0.0/0"];
const INSTANTS = ["2026-01-01T00:00:00Z", "2026-02-01", "2026-03-01T00:00:00+02:00"];

const ruleArbitrary: fc.Arbitrary<Omit<DecisionRule, "id">> = fc.record({
  action: fc.constantFrom("allow", "allow", "allow", "allow", "deny"),
  service: fc.constantFrom("s", "t"),
  ports: optional(fc.subarray([1, 2], { minLength: 1 })),
  via: fc.subarray<Via>(["mesh", "proxy"], { minLength: 1 }),
  subjects: fc.record({
    workloads: some(...IDS),
    namespaces: some(...["a", "b"].map((namespace) => ({ trustDomain: REAL, namespace }))),
    cidrs: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, some(...CIDRS)),
    users: some("o:u", "o:v"),
    idpGroups: some("o:g", "o:h"),
    awsRoles: some("arn:r"),
    agents: some("m", "n"),
  }),
  when: fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    fc.record({
      notBefore: optional(fc.constantFrom(...INSTANTS)),
      expires: optional(fc.constantFrom(...INSTANTS)),
      sourceCidrs: optional(fc.subarray(CIDRS, { minLength: 1 })),
      sni: optional(fc.subarray(["a.example", "*.example"], { minLength: 1 })),
    }),
  ),
});
const agentArbitrary = (name: string): fc.Arbitrary<DecisionAgent> =>
  fc.record({
    name: fc.constant(name),
    workloads: some(...IDS),
    onBehalfOfUser: optional(fc.constantFrom("o:u", "o:v")),
    onBehalfOf: fc.record({ users: some("o:u", "o:v"), idpGroups: some("o:g") }),
    expires: optional(fc.constantFrom(...INSTANTS)),
  });
const worldArbitrary: fc.Arbitrary<World> = fc.record({
  aliases: fc.subarray(["old.example", "older.example"]),
  services: fc.tuple(optional(fc.boolean()), optional(fc.boolean())).map(([s, t]) => [
    { name: "s", ports: [1, 2], strict: s },
    { name: "t", ports: [1], strict: t },
  ]),
  rules: fc
    .array(ruleArbitrary, { minLength: 4, maxLength: 20 })
    .map((rules) => rules.map((rule, index) => ({ ...rule, id: `r${index}` }))),
  agents: fc.tuple(agentArbitrary("m"), agentArbitrary("n")).map((agents) => agents),
});
const connectionArbitrary: fc.Arbitrary<Connection> = fc.record({
  via: fc.constantFrom<Via>("mesh", "proxy"),
  service: fc.constantFrom("s", "s", "s", "t", "unknown"),
  port: fc.constantFrom(1, 1, 2, 3),
  principal: fc.record({
    workload: optional(
      fc.constantFrom(
        ...IDS,
        spiffe("old.example", "a", "x"),
        spiffe("evil.example", "a", "x"),
        `spiffe://${REAL}/other/shape`,
        "not-a-spiffe-id",
      ),
    ),
    person: optional(
      fc.record({
        user: optional(fc.constantFrom("o:u", "o:v", "o:w")),
        groups: optional(some("o:g", "o:h")),
        awsRole: optional(fc.constantFrom("arn:r", "arn:q")),
      }),
    ),
    agent: optional(fc.constantFrom("m", "n", "unknown")),
  }),
  sourceIp: optional(
    fc.constantFrom(
      "10.1.2.3",
      "10.2.0.1",
      "192.0.2.9",
      "203.0.113.1",
      "fd00::1",
      "2001:db8::1",
      "::ffff:10.1.2.3",
    ),
  ),
  sni: optional(fc.constantFrom("a.example", "A.EXAMPLE.", "b.a.example", "example", "other")),
});
const instantArbitrary = fc.constantFrom(
  ...INSTANTS.flatMap((text) => [-1, 0, 1].map((offset) => Date.parse(text) + offset)),
);

const tableOf = (world: World) =>
  buildTable({ ...world, trustDomain: REAL, trustDomainAliases: world.aliases });
const verdict = (world: World, connection: Connection, instant: number) =>
  decide(tableOf(world), connection, instant).verdict;

describe("decide", () => {
  it("gives the verdict that the design states, for any rules and any connection", () => {
    const seen = { allow: 0, deny: 0 };
    fc.assert(
      fc.property(
        worldArbitrary,
        fc.array(connectionArbitrary, { minLength: 20, maxLength: 20 }),
        instantArbitrary,
        (world, connections, instant) => {
          const table = tableOf(world);
          for (const connection of connections) {
            const expected = reference(world, connection, instant);
            seen[expected]++;
            expect({ connection, verdict: decide(table, connection, instant).verdict }).toEqual({
              connection,
              verdict: expected,
            });
          }
        },
      ),
      { numRuns: 2_000 },
    );
    // A grid that only ever denies would prove nothing about allowing.
    expect(seen.allow).toBeGreaterThan(1_000);
    expect(seen.deny).toBeGreaterThan(1_000);
  });

  it("never allows more when a deny is added, or when an allow is taken away", () => {
    fc.assert(
      fc.property(
        worldArbitrary,
        ruleArbitrary,
        connectionArbitrary,
        instantArbitrary,
        fc.nat(),
        (world, extra, connection, instant, at) => {
          if (verdict(world, connection, instant) === "allow") return;
          const more = {
            ...world,
            rules: [...world.rules, { ...extra, action: "deny" as const, id: "extra" }],
          };
          expect(verdict(more, connection, instant)).toBe("deny");
          const allows = world.rules.filter(({ action }) => action === "allow");
          const gone = allows[at % Math.max(1, allows.length)];
          const fewer = { ...world, rules: world.rules.filter((rule) => rule !== gone) };
          expect(verdict(fewer, connection, instant)).toBe("deny");
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("does not depend on the order of rules, services or agents", () => {
    fc.assert(
      fc.property(worldArbitrary, connectionArbitrary, instantArbitrary, (world, connection, instant) => {
        const turned = {
          ...world,
          rules: [...world.rules].reverse(),
          services: [...world.services].reverse(),
          agents: [...world.agents].reverse(),
        };
        expect(verdict(turned, connection, instant)).toBe(verdict(world, connection, instant));
      }),
      { numRuns: 1_000 },
    );
  });

  it("a person or agent more on a connection never gains it access beyond what it had without a peer's address", () => {
    fc.assert(
      fc.property(worldArbitrary, connectionArbitrary, instantArbitrary, (world, connection, instant) => {
        const { workload, person } = connection.principal;
        if (workload === undefined || connection.principal.agent !== undefined) return;
        const alone = { ...connection, principal: { workload } };
        if (person && verdict(world, connection, instant) === "allow")
          expect(verdict(world, alone, instant)).toBe("allow");
      }),
      { numRuns: 2_000 },
    );
  });

  it("names rules that really decide: a deny when a rule denied, an allow for each party when allowed", () => {
    fc.assert(
      fc.property(worldArbitrary, connectionArbitrary, instantArbitrary, (world, connection, instant) => {
        const { reason, rule, rules } = decide(tableOf(world), connection, instant);
        const actions = rules.map((id) => world.rules.find((known) => known.id === id)?.action);
        switch (reason) {
          case "allowed":
            expect(actions.length).toBeGreaterThan(0);
            expect(actions.every((action) => action === "allow")).toBe(true);
            expect(rule).toBe(rules.at(-1));
            // The rules that it names are enough: with them alone the verdict is the same.
            expect(
              verdict(
                { ...world, rules: world.rules.filter(({ id }) => rules.includes(id)) },
                connection,
                instant,
              ),
            ).toBe("allow");
            break;
          case "denied-by-rule":
            expect(actions).toEqual(["deny"]);
            break;
          default:
            expect(rules).toEqual([]);
            expect(rule).toBeNull();
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
