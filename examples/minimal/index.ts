import { AccessPlane } from "portreeve";
import { grant, group, service, trust, workload } from "portreeve/policy";

const plane = new AccessPlane("dev", {
  objects: [
    trust("estate", {
      trustDomain: "cluster.local",
      clusters: [{ name: "dev", dataPlane: "sidecar", istioVersion: "1.31" }],
    }),
    workload("shop/api", { selector: { app: "api" }, groups: ["backend"] }),
    group("backend", { members: {}, owner: "team-shop" }),
    service("ledger", {
      protocol: "postgres",
      ports: [5432],
      owner: "team-shop",
      location: { type: "mesh", namespace: "shop", selector: { app: "ledger" } },
    }),
    grant("api-ledger", {
      from: { workloads: ["shop/api"] },
      to: { service: "ledger" },
      owner: "team-shop",
    }),
  ],
});

export const access = plane.accessTable;
