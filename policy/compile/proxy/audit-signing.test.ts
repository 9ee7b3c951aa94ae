import { expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { service, trust } from "../../load/object.ts";
import { compileKubernetes } from "../kubernetes/compile.ts";
import { compileProxy } from "./compile.ts";

function compile(proxy: { auditSigning?: string }): { config: string; pods: string } {
  const clusters = [{ name: "use1", dataPlane: "sidecar" as const, istioVersion: "1.31" }];
  const model = loadModel({
    objects: [
      trust("estate", { trustDomain: "prod.example.com", clusters, proxy }),
      service("db", {
        protocol: "tcp",
        hosts: ["db.example.com"],
        ports: [5432],
        location: { type: "external" },
      }),
    ],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const compiled = compileProxy({ model, cluster });
  return {
    config: JSON.stringify(compiled.targets),
    pods: JSON.stringify(compileKubernetes({ model, cluster }, new Map()).targets),
  };
}

test("the key that signs checkpoints is where the configuration looks for it", () => {
  const { config, pods } = compile({ auditSigning: "audit-key" });
  expect(config).toMatch('"audit":{"signing":{"keyFile":"/etc/portreeve/audit/audit.pem"}}');
  expect(pods).toMatch('"mountPath":"/etc/portreeve/audit"');
  expect(pods).toMatch(
    '{"name":"audit-key","items":[{"key":"audit.pem","path":"audit.pem"}],"optional":false}',
  );
});

test("without one nothing is mounted", () => {
  const { config, pods } = compile({});
  expect(config).not.toMatch("signing");
  expect(pods).not.toMatch("/etc/portreeve/audit");
});
