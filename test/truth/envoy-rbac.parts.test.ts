/**
 * The oracle reads Envoy's RBAC filter; here Envoy itself decides, about real connections, with the filters that Istio's
 * istiod made. So a mistake that the oracle and the evaluator share would show.
 *
 * What it does not reach: IPv6 and foreign IPv4 TCP peers (there is only loopback to come from; remote and destination
 * addresses come by the PROXY protocol and are of both families), PeerAuthentication, and external authorizers.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compilePolicies, type TcpConnection } from "../../policy/istio/authorization/index.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { group } from "./draw.ts";
import { isPossible, startEnvoy } from "./envoy.ts";
import { type Group, type Oracle, startOracle } from "./oracle.ts";

const SETS = 150;
const SEED = Number(process.env.TRUTH_SEED ?? 20261121);
const LEAST_CONNECTIONS = 1000;

let oracle: Oracle;
let scope: Scope;
beforeAll(async () => {
  oracle = await startOracle();
  scope = await openScope("truth");
});
afterAll(async () => {
  await scope?.stop();
  await oracle?.close();
});

/** The same case on loopback: everything of 10/8 is moved to 127/8, in policies and connections alike. */
function onLoopback(drawn: Group): Group {
  const moved = JSON.parse(JSON.stringify(drawn).replace(/(?<![0-9])10\./g, "127.")) as Group;
  return {
    set: {
      ...moved.set,
      policies: moved.set.policies.filter(
        (policy) => policy.kind === "AuthorizationPolicy" && policy.spec?.action !== "CUSTOM",
      ),
    },
    connections: moved.connections.filter(isPossible),
  };
}

test("Envoy, the oracle and the evaluator agree on real connections", { timeout: 300_000 }, async () => {
  const groups = fc
    .sample(group({ dataplane: "sidecar", connections: 60, about: "authorization" }), {
      seed: SEED,
      numRuns: SETS,
    })
    .map(onLoopback)
    .filter(({ connections }) => connections.length > 0);
  const filters = await Promise.all(groups.map((one) => oracle.filters(one)));
  const envoy = await startEnvoy(scope, filters);

  const differences: unknown[] = [];
  const denied: { readonly key: string; readonly policy: string }[] = [];
  const counts = { allow: 0, deny: 0, plaintext: 0 };
  for (const [index, { set, connections }] of groups.entries()) {
    const judge = compilePolicies(set);
    const istio = await oracle.ask({ set, connections });
    const real = await Promise.all(connections.map((connection) => envoy.decide(index, connection)));
    for (const [number, { verdict, key }] of real.entries()) {
      const connection = connections[number] as TcpConnection;
      const ours = judge(connection);
      counts[verdict]++;
      if (connection.source.principal === null) counts.plaintext++;
      if (verdict !== ours.verdict || verdict !== istio[number]?.verdict) {
        differences.push({
          connection,
          envoy: verdict,
          oracle: istio[number],
          portreeve: ours,
          policies: set.policies,
        });
      } else if (verdict === "deny") {
        denied.push({ key, policy: ours.by === null ? "none" : envoyName(ours.by) });
      }
    }
  }
  console.log(`Envoy: seed ${SEED}, ${groups.length} listeners, ${JSON.stringify(counts)}`);
  expect(differences[0]).toBeUndefined();
  expect(counts.allow + counts.deny).toBeGreaterThan(LEAST_CONNECTIONS);
  expect(Math.min(counts.allow, counts.deny, counts.plaintext)).toBeGreaterThan(LEAST_CONNECTIONS / 10);

  await until("Envoy's access log has every denial", 60, () => {
    const named = envoy.denials();
    return denied.every(({ key }) => named.has(key));
  });
  const named = envoy.denials();
  expect(denied.filter(({ key, policy }) => named.get(key) !== policy)).toEqual([]);
});

function envoyName({ policy, rule }: { readonly policy: string; readonly rule: number }): string {
  const [namespace, name] = policy.split("/");
  return `ns[${namespace}]-policy[${name}]-rule[${rule}]`;
}
