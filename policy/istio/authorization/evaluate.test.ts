/** What the facts (test/truth/facts.ts) and the comparison with Istio do not say: notes, and use for many connections. */
import { expect, test } from "vitest";
import type { AuthorizationPolicy, Rule } from "../objects.ts";
import { ConnectionError, compilePolicies, evaluate, type PolicySet, type TcpConnection } from "./index.ts";

const workload = { namespace: "shop", labels: { app: "db" } };
const connection: TcpConnection = {
  source: { ip: "10.1.2.3", principal: "cluster.local/ns/shop/sa/api" },
  destination: { ip: "10.0.0.10", port: 5432 },
};

function policy(
  action: "ALLOW" | "DENY" | "CUSTOM",
  rules: readonly Rule[],
  provider?: string,
): AuthorizationPolicy {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "p", namespace: "shop" },
    spec: { action, rules, ...(provider === undefined ? {} : { provider: { name: provider } }) },
  };
}

function notes(set: Omit<PolicySet, "workload">): readonly string[] {
  return evaluate({ ...set, workload, connection }).notes;
}

test("one compiled set decides about many connections, and no note of one shows with another", () => {
  const judge = compilePolicies({
    dataplane: "sidecar",
    policies: [policy("ALLOW", [{ from: [{ source: { namespaces: ["shop"] } }] }])],
    workload,
  });
  const plaintext = { ...connection, source: { ip: "10.1.2.3", principal: null } };
  const foreign = { ...connection, source: { ip: "10.1.2.3", principal: "other/ns/shop/sa/api" } };
  expect(judge(foreign).notes).toHaveLength(1);
  expect(judge(connection)).toEqual({ verdict: "allow", by: { policy: "shop/p", rule: 0 }, notes: [] });
  expect(judge(plaintext)).toEqual({ verdict: "deny", by: null, notes: [] });
});

test("a dropped ALLOW rule and a widened DENY rule are told, each with the field that did it", () => {
  const rules = [{ to: [{ operation: { methods: ["GET"] } }] }];
  expect(notes({ dataplane: "sidecar", policies: [policy("ALLOW", rules)] })).toEqual([
    "ALLOW policy shop/p rule 0: methods exists only in HTTP; the whole rule is dropped",
  ]);
  expect(notes({ dataplane: "sidecar", policies: [policy("DENY", rules)] })).toEqual([
    "DENY policy shop/p rule 0: methods exists only in HTTP; only that part is dropped, so the rule matches more",
  ]);
  expect(notes({ dataplane: "ztunnel", policies: [policy("DENY", rules)] })).toEqual([
    "DENY policy shop/p rule 0: ztunnel knows no methods and treats it as an HTTP attribute; that part is dropped, and an entry of which nothing is left never matches",
  ]);
});

test("what an external authorizer answers is an assumption, and said to be one", () => {
  const set: Omit<PolicySet, "workload"> = {
    dataplane: "sidecar",
    policies: [policy("CUSTOM", [{}], "ext")],
    mesh: { extensionProviders: [{ name: "ext", envoyExtAuthzGrpc: { service: "authz.svc", port: 9000 } }] },
  };
  expect(evaluate({ ...set, workload, connection }).verdict).toBe("deny");
  expect(evaluate({ ...set, workload, connection, authorizer: "allow" }).verdict).toBe("allow");
  expect(notes(set)).toEqual([
    'shop/p rule 0 asks the external authorizer "ext"; its answer is taken to be no',
  ]);
});

test("a policy of another namespace is not spoken of", () => {
  const other = policy("DENY", [{ to: [{ operation: { methods: ["GET"] } }] }]);
  const policies = [{ ...other, metadata: { name: "p", namespace: "ops" } }];
  expect(notes({ dataplane: "sidecar", policies })).toEqual([]);
  expect(notes({ dataplane: "ztunnel", policies })).toEqual([]);
});

test("an address that is none is the caller's mistake", () => {
  const wrong = { ...connection, source: { ip: "10.1", principal: null } };
  const decide = () => evaluate({ dataplane: "sidecar", policies: [], workload, connection: wrong });
  expect(decide).toThrow(ConnectionError);
  expect(decide).toThrow('source.ip: "10.1" is not an IP address');
});
