import { expect, test } from "vitest";
import { importObjects } from "./index.ts";

test("what an external authorizer refuses is a difference that widens, because nobody can say whom it refuses", () => {
  const objects = [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "db", namespace: "shop" },
      spec: { selector: { app: "db" }, ports: [{ port: 5432 }, { port: 9000 }] },
    },
    {
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "ask", namespace: "shop" },
      spec: {
        action: "CUSTOM",
        provider: { name: "opa" },
        rules: [{ to: [{ operation: { ports: ["5432"] } }] }],
      },
    },
  ];
  const { differences } = importObjects(
    { objects, positionOf: () => ({ file: "shop.yaml", line: 1, col: 1 }) },
    { rootNamespace: "istio-system", cluster: "main", istioVersion: "1.31", openAs: "namespaces" },
  );
  const wider = differences.filter(({ change }) => change === "wider");
  expect(wider.map(({ service, port, by }) => [service, port, by])).toEqual([
    ["db", 5432, "AuthorizationPolicy shop/ask, action CUSTOM; keep it, and nothing changes"],
  ]);
});
