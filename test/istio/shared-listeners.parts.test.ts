/**
 * When a connection that is meant for one TCP ServiceEntry arrives at another: Istio's own code says where it goes, and PR543
 * must be found exactly where it goes to the wrong one. Not proven here: sidecars with Istio's DNS proxy, which have addresses
 * that no object names; and entries that no client sees together, where any unknown destination on the port goes to the one
 * without an address, shared or not.
 */
import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../policy/compile/target.ts";
import { entry, objectsOf, rulesIn } from "../../policy/istio/consistency/mesh.fixture.ts";
import { askOracle } from "./oracle.ts";
import { type Pod, surroundings } from "./world.ts";

const web: Pod = {
  name: "web",
  namespace: "shop",
  ip: "10.0.1.10",
  labels: { app: "web" },
  serviceAccount: "web",
};

describe("a connection of web to a.example.com and to b.example.com", () => {
  test.each([
    { name: "no addresses", a: "", b: "", port: 5432 },
    { name: "another port", a: "", b: "", port: 9000 },
    { name: "addresses of their own", a: "addresses: [240.0.0.1]", b: "addresses: [240.0.0.2]", port: 5432 },
    { name: "one address", a: "addresses: [240.0.0.1]", b: "addresses: [240.0.0.1]", port: 5432 },
    { name: "an address and none", a: "addresses: [240.0.0.1]", b: "", port: 5432 },
    { name: "b is for its own namespace", a: "", b: "exportTo: [.]", port: 5432 },
    { name: "both are for the client", a: "exportTo: [shop]", b: "exportTo: ['*']", port: 5432 },
  ])("$name", async ({ a, b, port }) => {
    const text = entry("a", a) + entry("b", b, String(port));
    const objects = objectsOf(text) as KubeObject[];
    const call = (name: string, spec: string, to: number) => ({
      name,
      proxy: "web",
      mode: "outbound" as const,
      address: /240\.\d+\.\d+\.\d+/.exec(spec)?.[0] ?? "192.0.2.1",
      port: to,
    });
    const { results } = await askOracle(
      surroundings(objects, [web]),
      [web],
      [call("a", a, 5432), call("b", b, port)],
    );
    const [first, second] = ["a", "b"].map((name) => results.get(name)?.cluster);
    const wrong = first?.includes("b.example.com") === true || second?.includes("a.example.com") === true;
    expect(rulesIn(text)).toEqual(wrong ? ["PR543"] : []);
    expect([first, second].some((cluster) => cluster?.startsWith("outbound|"))).toBe(true);
  });
});
