import { expect as assert, describe, it } from "vitest";
import { decide } from "../policy/decide/decide.ts";
import { grant, group, service, trust, workload } from "../policy/load/object.ts";
import { connectionOf } from "../policy/model/query.ts";
import { AccessAssertionError, expect, policies } from "./index.ts";

const plane = policies({
  objects: [
    trust("estate", {
      trustDomain: "prod.example.com",
      clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31" }],
      identityProviders: {
        oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
      },
    }),
    workload("shop/api"),
    workload("shop/intern"),
    group("dba", { members: { idpGroups: ["okta:dba"] } }),
    service("orders-db", {
      protocol: "postgres",
      hosts: ["db.example.com"],
      ports: [5432],
      location: { type: "external" },
    }),
    grant("api-orders", { from: { workloads: ["shop/api"], groups: ["dba"] }, to: { service: "orders-db" } }),
    grant("deny-interns", {
      action: "deny",
      from: { workloads: ["shop/intern"] },
      to: { service: "orders-db" },
    }),
  ],
});

describe("assertions about access", () => {
  it("pass when the policies agree", () => {
    expect(plane).connection({ from: "shop/api", to: "orders-db:5432" }).toBeAllowedBy("api-orders");
    expect(plane).connection({ from: "okta:dba", to: "orders-db" }).toBeAllowed();
    expect(plane).connection({ from: "shop/intern", to: "orders-db" }).toBeDeniedBy("deny-interns");
    expect(plane).connection({ from: "okta:alice@example.com", to: "orders-db" }).toBeDenied();
    expect(plane).service("orders-db").toBeOnlyReachableBy(["shop/api", "okta:dba"]);
  });

  it("judge a chain by its weakest link", () => {
    expect(plane).connection({ from: "shop/api+okta:dba", to: "orders-db" }).toBeAllowed();
    expect(plane).connection({ from: "shop/api+okta:alice@example.com", to: "orders-db" }).toBeDenied();
  });

  it("fail with the rule and the line that decided", () => {
    const denied = () => expect(plane).connection({ from: "shop/intern", to: "orders-db" }).toBeAllowed();
    assert(denied).toThrow(AccessAssertionError);
    assert(denied).toThrow(/deny-interns \(.*index\.test\.ts:\d+:\d+\) denies it/);
    assert(() => expect(plane).service("orders-db").toBeOnlyReachableBy(["shop/api"])).toThrow(
      /okta:dba may reach it too, by api-orders/,
    );
  });

  it("deny at an instant that is no number", () => {
    const connection = connectionOf(plane, { from: "shop/api", to: "orders-db" });
    assert(decide(plane.table, connection, 0).verdict).toBe("allow");
    assert(decide(plane.table, connection, Number.NaN).verdict).toBe("deny");
  });

  it("name what the question misspells", () => {
    assert(() => expect(plane).connection({ from: "shop/apu", to: "orders-db" })).toThrow(
      /did you mean "shop\/api"/,
    );
    assert(() => expect(plane).connection({ from: "shop/api", to: "orders-db:5433" })).toThrow(/known: 5432/);
  });
});
