/** That docs/aws.md shows the proxy's trust and permission as they are made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileAws } from "../../policy/compile/aws/compile.ts";
import { loadModel } from "../../policy/load/index.ts";
import { grant, service, trust, workload } from "../../policy/load/object.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/aws.md"), "utf8");

test("the proxy's own role is the one that the page shows", () => {
  const model = loadModel({
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
      workload("shop/reports"),
      service("orders-db", {
        protocol: "postgres",
        hosts: ["orders.example.com"],
        ports: [5432],
        location: { type: "external" },
        tls: { mode: "simple" },
        auth: "rds-iam",
        aws: { rds: { resourceId: "cluster-ABC", users: ["orders_app", "orders_report"] } },
      }),
      grant("g", {
        from: { workloads: ["shop/reports"] },
        to: { service: "orders-db", users: ["orders_report"] },
      }),
    ],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileAws({ model, cluster });
  expect(findings).toEqual([]);
  expect(targets.map(({ key }) => key)).toEqual([
    "eks.PodIdentityAssociation/portreeve/portreeve-proxy",
    "iam.Policy/prod-orders-db-login",
    "iam.Role/prod-portreeve-portreeve-proxy",
    "iam.RolePolicyAttachment/prod-portreeve-portreeve-proxy/prod-orders-db-login",
  ]);
  const shown = /```json\n(\{\n {2}"Effect"[^`]*)```/.exec(page)?.[1] ?? "";
  for (const { object } of targets) {
    if (object.type === "iam.Role") {
      const [statement] = object.trust.Statement;
      expect({ Sid: "PodIdentity", ...JSON.parse(shown) }).toEqual(statement);
      expect(page).toContain(`role \`${object.name}\``);
    }
    if (object.type === "iam.Policy") {
      expect(page).toContain(`(\`${object.name}\`), with \`rds-db:connect\``);
      expect(object.document.Statement).toHaveLength(1);
      for (const resource of object.document.Statement[0]?.Resource ?? [])
        expect(page).toContain(`\`${resource}\``);
    }
  }
});
