import { expect, test } from "vitest";
import { loadModel } from "../load/index.ts";
import { service, trust } from "../load/object.ts";
import type { Model } from "../model/types.ts";
import { planGatewayPorts } from "./gateway-ports.ts";
import { planListenerPorts, servicePortKey } from "./listener-ports.ts";
import { proxyShard } from "./proxy-shard.ts";

function model(names: readonly string[], shards = 1): Model {
  return loadModel({
    objects: [
      trust("estate", {
        trustDomain: "prod.example.com",
        clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31", egressGateway: {} }],
        proxy: { shards },
      }),
      ...names.map((name, index) =>
        service(name, {
          protocol: "tcp",
          hosts: [`${name}.example.com`],
          ports: [5432, 5433],
          location: { type: "external", egress: index % 2 === 0 ? "proxy" : "gateway" },
        }),
      ),
    ],
  });
}

const many = Array.from({ length: 200 }, (_, index) => `service-${index}`);

test("every port of every service behind the proxy has a listener port of its own, 20000 to 29999", () => {
  const ports = planListenerPorts(model(many));
  expect(ports.size).toBe(200);
  expect(new Set(ports.values()).size).toBe(200);
  for (const port of ports.values()) {
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(30_000);
  }
});

test("and at the egress gateway one of 16000 to 19999", () => {
  const ports = planGatewayPorts(model(many));
  expect(ports.size).toBe(200);
  expect(new Set(ports.values()).size).toBe(200);
  for (const port of ports.values()) {
    expect(port).toBeGreaterThanOrEqual(16_000);
    expect(port).toBeLessThan(20_000);
  }
});

test("deployed ports are pinned: a release that moved them would replace listeners under live traffic", () => {
  const ports = planListenerPorts(model(["orders-db"]));
  expect(ports.get(servicePortKey("orders-db", 5432))).toBe(24_825);
});

test("one more shard moves only what the new shard takes", () => {
  const three = model(many, 3);
  const four = model(many, 4);
  const moved = many.filter((name) => proxyShard(three, name) !== proxyShard(four, name));
  for (const name of moved) expect(proxyShard(four, name)).toBe(3);
  // About a quarter; far from it would be a bad hash.
  expect(moved.length).toBeGreaterThan(25);
  expect(moved.length).toBeLessThan(80);
});
