import { expect, it } from "vitest";
import { previewed } from "../test/mocks/engine.ts";

const OTHER = "444455556666";

it("roles and policies of another account are made with that account's provider, and with no other", async () => {
  const { EXAMPLE_CONFIG, configOf } = await import("../test/aws/example-config.ts");
  const resources = await previewed(
    () => import("../examples/irsa/index.ts"),
    configOf("test", EXAMPLE_CONFIG.irsa),
  );
  const made = resources.filter(({ type }) => type.startsWith("aws:iam/"));
  expect(made).toHaveLength(6);
  for (const { name, provider } of made) {
    expect([name, provider]).toEqual([
      name,
      name.includes(OTHER) ? "data" : expect.not.stringMatching(/^data$/),
    ]);
  }
});

it("without a provider for the account nothing is made in the wrong one: PR611", async () => {
  const { AccessPlane } = await import("./access-plane.ts");
  const { grant, service, trust, workload } = await import("../policy/load/object.ts");
  const make = () =>
    new AccessPlane("prod", {
      objects: [
        trust("estate", {
          trustDomain: "prod.example.com",
          clusters: [
            {
              name: "prod",
              dataPlane: "sidecar",
              istioVersion: "1.31",
              eks: { name: "prod", account: "111122223333", region: "eu-central-1" },
            },
          ],
        }),
        service("db", {
          protocol: "postgres",
          hosts: ["db.example.com"],
          ports: [5432],
          location: { type: "external" },
          aws: { account: OTHER, rds: { resourceId: "cluster-A" } },
        }),
        workload("shop/api", {
          aws: { mode: "pod-identity", assume: [{ account: OTHER, externalId: "shop" }] },
        }),
        grant("g", { from: { workloads: ["shop/api"] }, to: { service: "db" }, owner: "shop" }),
      ],
    });
  expect(make).toThrow(/PR611: .* belongs to AWS account 444455556666, and no provider was given/);
});
