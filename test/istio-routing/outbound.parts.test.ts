/**
 * Where a sidecar sends connections, for random worlds: the evaluator beside istiod's own listeners, clusters and endpoints,
 * read by Envoy's rules of matching (`envoy.ts`).
 *
 * Not proven here: that Envoy matches as its documentation says (no Envoy runs; test/cluster and test/mesh have one), short
 * host names (istiod's test server completes them without the domain), IPv6, a Service and a ServiceEntry of one host in one
 * namespace, several ServiceEntries of one host and namespace created in the same second (istiod leaves both to chance),
 * `bind` and `captureMode` of Sidecars, egress proxies, and HTTP routes.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compare } from "./compare.ts";
import { type Shape, world } from "./draw.ts";
import { startXdsOracle, type XdsOracle } from "./xds.ts";

const WORLDS = Number(process.env["PORTREEVE_ROUTING_WORLDS"] ?? 150);

let oracle: XdsOracle;
beforeAll(async () => {
  oracle = await startXdsOracle();
}, 600_000);
afterAll(async () => {
  await oracle?.close();
});

async function compared(drawn: Shape) {
  const meshConfig = `outboundTrafficPolicy: { mode: ${drawn.outbound} }\n`;
  const proxies = drawn.clients.map(({ sidecar: _sidecar, ...client }) => client);
  const configured = await oracle.ask({ objects: drawn.objects, proxies, meshConfig });
  return drawn.clients.map((client) => {
    const proxy = configured[client.name];
    if (proxy === undefined) throw new Error(`no configuration for ${client.name}`);
    return compare(drawn, client, proxy);
  });
}

test(`${WORLDS} random worlds: every connection goes where istiod's configuration sends it, with the TLS it says`, async () => {
  const total = { connections: 0, routed: 0, clusters: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(world, async (drawn) => {
      for (const { differences, ...counts } of await compared(drawn)) {
        for (const key of ["connections", "routed", "clusters", "refused"] as const)
          total[key] += counts[key];
        expect(differences).toEqual([]);
      }
    }),
    { numRuns: WORLDS },
  );
  console.log(
    `${total.connections} connections, ${total.routed} of them to a registered host; ${total.clusters} clusters; ${total.refused} at listeners that Envoy refuses`,
  );
  // A comparison of nothing but what is left over would prove nothing.
  expect(total.routed).toBeGreaterThan(WORLDS * 20);
  expect(total.clusters).toBeGreaterThan(WORLDS);
}, 900_000);
