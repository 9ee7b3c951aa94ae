import fc from "fast-check";
import { expect, test } from "vitest";
import { Judge } from "../../../proxy-image/authorize.ts";
import { POOL, randomPolicy } from "../../../test/istio/random-policy.ts";
import { decide, type Person, type PrincipalChain } from "../../decide/index.ts";
import { PolicyError } from "../../finding.ts";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, type PolicyObject } from "../../load/object.ts";
import type { Model } from "../../model/types.ts";
import { compileProxy } from "./compile.ts";
import { type ProxyConfig, proxyConfigSchema } from "./config.ts";

const services = [...POOL.services];
const limits = { maxConnections: 3 };

/** Agents of both kinds, acting for a person and for a group, and grants to them with windows and server names. */
const extras: fc.Arbitrary<PolicyObject[]> = fc
  .record({
    members: fc.subarray(["okta:dba", "okta:ops"], { minLength: 1 }),
    roles: fc.subarray(["arn:aws:iam::111122223333:role/dba"]),
    grants: fc.array(
      fc.record({
        action: fc.constantFrom("allow" as const, "allow" as const, "deny" as const),
        groups: fc.subarray(["staff"]),
        agents: fc.subarray(["bot", "triage"]),
        service: fc.constantFrom(...services),
        when: fc.record(
          {
            notBefore: fc.constant("2026-06-01"),
            expires: fc.constant("2028-01-01T00:00Z"),
            sni: fc.constant<string[]>(["*.example.com"]),
          },
          { requiredKeys: [], noNullPrototype: true },
        ),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ members, roles, grants }) => [
    group("staff", { members: { idpGroups: members, users: ["okta:bob@example.com"], awsRoles: roles } }),
    agent("bot", {
      identity: { type: "workload", workload: "shop/api" },
      onBehalfOf: { type: "user", user: "okta:bob@example.com" },
      owner: "platform",
      expires: "2029-01-01",
      services,
      limits,
    }),
    agent("triage", {
      identity: { type: "oidc", subject: "okta:triage" },
      onBehalfOf: { type: "group", group: "staff" },
      owner: "platform",
      expires: "2027-01-01T00:00:00+02:00",
      services,
      limits,
    }),
    ...grants.map(({ action, groups, agents, service, when }, index) =>
      grant(`extra-${index}`, {
        action,
        from: { groups, agents: groups.length + agents.length === 0 ? ["bot"] : agents },
        to: { service },
        via: "proxy",
        when,
      }),
    ),
  ]);

const people: (Person | undefined)[] = [
  undefined,
  { user: "okta:alice@example.com" },
  { user: "okta:bob@example.com", groups: ["okta:dba"] },
  { user: "okta:eve@example.com", groups: ["okta:ops"] },
  { awsRole: "arn:aws:iam::111122223333:role/dba" },
];
const workloads = [
  undefined,
  `spiffe://${POOL.trustDomain}/ns/shop/sa/api`,
  `spiffe://${POOL.aliases[0]}/ns/batch/sa/worker`,
  `spiffe://${POOL.foreign}/ns/shop/sa/api`,
];
const instants = ["2026-01-01", "2026-12-31T22:30:00Z", "2028-06-01", "2031-01-01"].map(Date.parse);

/**
 * The emitted configuration, read by the proxy's own schema and judged by the proxy's own Judge, gives the verdict of
 * `decide`. Not proven here: that the proxy identifies a client as it should (proxy-image/identify.test.ts).
 */
test("the proxy's configuration gives the verdict of decide, whoever asks and whenever", () => {
  const seen = { allow: 0, deny: 0, chains: 0, agents: 0, shards: 0 };
  fc.assert(
    fc.property(randomPolicy, extras, fc.constantFrom(1, 3), (objects, more, shards) => {
      const model = tryLoad(sharded([...objects, ...more], shards));
      const cluster = model?.trust.spec.clusters[0];
      if (!model || !cluster) return;
      const configs = compileProxy({ model, cluster }).targets.map(({ object }) =>
        proxyConfigSchema.parse(JSON.parse(JSON.stringify(object.config))),
      );
      if (configs.length > 1) seen.shards++;
      const judges = new Map(
        configs.flatMap((config) => config.services.map(({ name }) => [name, judgeOf(config)])),
      );
      for (const question of questions(model)) {
        for (const instant of instants) {
          const expected = decide(model.table, { via: "proxy", ...question }, instant).verdict;
          // A service that no shard serves cannot be asked for at all.
          const got = judges.get(question.service)?.judge(question, instant).verdict ?? "deny";
          if (got !== expected)
            expect({ ...question, instant, got }).toEqual({ ...question, instant, got: expected });
          seen[expected]++;
          const { workload, person, agent: name } = question.principal;
          if (expected === "allow" && workload && person) seen.chains++;
          if (expected === "allow" && name) seen.agents++;
        }
      }
    }),
    { numRuns: 150 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10);
});

function* questions(model: Model) {
  for (const service of model.services.values()) {
    for (const { port } of service.ports) {
      for (const workload of workloads) {
        for (const person of people) {
          for (const name of [undefined, "bot", "triage"]) {
            for (const sourceIp of POOL.addresses.slice(0, 4)) {
              const principal: PrincipalChain = { workload, person, agent: name };
              const sni = sourceIp === "10.1.2.3" ? "db.example.com" : undefined;
              yield { service: service.name, port, principal, sourceIp, sni };
            }
          }
        }
      }
    }
  }
}

function judgeOf(config: ProxyConfig): Judge {
  return new Judge(config);
}

/** The same policy set with the proxy in several shards. */
function sharded(objects: PolicyObject[], shards: number): PolicyObject[] {
  return objects.map((object) =>
    object.kind === "Trust"
      ? { ...object, spec: { ...object.spec, proxy: { ...object.spec.proxy, shards } } }
      : object,
  );
}

function tryLoad(objects: PolicyObject[]): Model | undefined {
  try {
    return loadModel({ objects });
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
