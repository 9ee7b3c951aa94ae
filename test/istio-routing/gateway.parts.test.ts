/**
 * Where a gateway sends connections, for random worlds: the evaluator beside istiod's listeners and clusters for the gateway.
 *
 * Not proven here: several servers on one port, AUTO_PASSTHROUGH, certificates, HTTP, and gateways of the Gateway API.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DestinationRules } from "../../policy/istio/consistency/destination-rules.ts";
import { destination, gatewayScope, gatewayTargets, readRouting } from "../../policy/istio/routing/index.ts";
import { showCluster, showDestination } from "./compare.ts";
import { gatewayWorld, PORTS } from "./draw.ts";
import { follow } from "./envoy.ts";
import { startXdsOracle, type XdsOracle } from "./xds.ts";

const WORLDS = 150;

let oracle: XdsOracle;
beforeAll(async () => {
  oracle = await startXdsOracle();
}, 600_000);
afterAll(async () => {
  await oracle?.close();
});

test(`${WORLDS} random worlds: the server, the route and the destinations of a gateway are Istio's`, async () => {
  const total = { connections: 0, routed: 0, clusters: 0 };
  await fc.assert(
    fc.asyncProperty(gatewayWorld, async ({ objects, gateway, outbound }) => {
      const { sidecar: _sidecar, ...proxy } = gateway;
      const meshConfig = `outboundTrafficPolicy: { mode: ${outbound} }\n`;
      const configured = await oracle.ask({ objects, proxies: [{ ...proxy, type: "router" }], meshConfig });
      const { listeners, clusters } = configured[gateway.name] ?? { listeners: [], clusters: [] };
      const world = readRouting(objects, undefined, { outbound });
      const pod = world.mesh.cluster.pods.find(({ workload }) => workload === "istio-system/out");
      if (pod === undefined) throw new Error("no gateway");
      // A gateway's listeners are bound: nothing is redirected to them.
      const bound = listeners.map((listener) => ({ ...listener, binds: false }));
      const scope = gatewayScope(world, pod);
      const rules = new DestinationRules(world.mesh.rules, world.mesh.rootNamespace);
      for (const port of PORTS) {
        for (const sni of [
          undefined,
          "a.example.com",
          "b.example.com",
          "b.data.svc.cluster.local",
          "x.example.org",
        ]) {
          const istio = follow(
            bound,
            gateway.ip,
            port,
            sni === undefined ? { type: "tcp" } : { type: "tls", sni },
          );
          if (istio === "refused") continue;
          const targets = gatewayTargets(world, pod, port, sni);
          const ours = Object.fromEntries(targets.map(({ cluster, weight }) => [cluster, weight]));
          expect([port, sni, ours]).toEqual([port, sni, istio === "none" ? {} : istio]);
          total.connections += 1;
          if (targets.length > 0) total.routed += 1;
          for (const { cluster } of targets) {
            total.clusters += 1;
            const known = showCluster(clusters.find(({ name }) => name === cluster));
            expect([cluster, showDestination(destination(world, scope, rules, cluster, true))]).toEqual([
              cluster,
              known,
            ]);
          }
        }
      }
    }),
    { numRuns: WORLDS },
  );
  console.log(
    `${total.connections} connections, ${total.routed} of them routed, to ${total.clusters} clusters`,
  );
  expect(total.routed).toBeGreaterThan(WORLDS / 2);
}, 900_000);
