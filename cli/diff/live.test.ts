import { describe, expect, it } from "vitest";
import type { Cause } from "../../policy/diff/index.ts";
import { readClusterSide } from "../../policy/diff/index.ts";
import { parseLiveSide, withoutDefaults } from "./live.ts";

describe("parseLiveSide", () => {
  it.each([
    ["cluster:use1", { context: "use1" }],
    ["cluster:", {}],
    ["cluster:arn:aws:eks:us-east-1:1:cluster/c", { context: "arn:aws:eks:us-east-1:1:cluster/c" }],
    ["kubeconfig:/tmp/a#b.yaml#admin", { kubeconfig: "/tmp/a#b.yaml", context: "admin" }],
    ["kubeconfig:use1.yaml", { kubeconfig: "use1.yaml" }],
    ["main:policies", undefined],
    ["deploy", undefined],
  ])("%s", (text, expected) => {
    expect(parseLiveSide(text)).toEqual(expected);
  });
});

describe("withoutDefaults", () => {
  const service = (spec: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "shop", name: "db" },
    spec,
  });
  const side = (spec: object) => readClusterSide([service(spec)]).written;
  const cause: Cause = { object: "Service/shop/db", what: "changed", position: undefined };
  const left = (written: object, live: object) =>
    withoutDefaults({ changes: [], objects: [cause], notes: [] }, side(written), side(live)).objects;
  const wanted = { selector: { app: "db" }, ports: [{ port: 5432 }] };

  it("passes over what the server adds, and nothing else", () => {
    expect(
      left(wanted, { ...wanted, clusterIP: "10.0.0.7", ports: [{ port: 5432, protocol: "TCP" }] }),
    ).toEqual([]);
    expect(left(wanted, { ...wanted, selector: { app: "web" } })).toEqual([cause]);
    expect(left(wanted, { ...wanted, ports: [{ port: 5432 }, { port: 22 }] })).toEqual([cause]);
  });
});
