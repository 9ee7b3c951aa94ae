/**
 * Everything that is emitted is accepted: by the real API server with Istio's CRDs and their CEL rules, by istiod's
 * validating webhook, and by `istioctl validate` and `analyze`; and stored as it was written.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { compileIstio } from "../../policy/compile/istio/index.ts";
import type { IstioObject } from "../../policy/compile/istio/objects.ts";
import { loadModel } from "../../policy/load/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import type { KubeObject } from "../cluster/kube-client.ts";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";

const golden = join(import.meta.dirname, "..", "golden");
const cases = readdirSync(golden, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [{ name: entry.name, path: join(golden, entry.name, "policies.yaml") }] : [],
);

/** All objects of all clusters, once for each way of grouping grants. */
function variants(model: Model): { title: string; objects: IstioObject[] }[] {
  return model.trust.spec.clusters.flatMap((cluster) =>
    (["service", "grant"] as const).map((grouping) => {
      const { targets, findings } = compileIstio({ model, cluster, grouping });
      expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
      return { title: `${cluster.name} by ${grouping}`, objects: targets.map(({ object }) => object) };
    }),
  );
}

let plane: ControlPlane;
let dir: string;
let istioctl: string;
beforeAll(async () => {
  plane = await startControlPlane({ istiod: true });
  istioctl = (await part("istioctl")).path;
  dir = mkdtempSync(join(tmpdir(), "portreeve-validity-"));
});
afterAll(async () => {
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  await plane?.stop();
});

describe.each(cases)("$name", ({ path }) => {
  const model = loadModel({ texts: [{ name: "policies.yaml", text: readFileSync(path, "utf8") }] });

  test.each(variants(model))(
    "the API server and istiod's webhook store it as written: $title",
    async ({ objects }) => {
      for (const name of namespacesOf(objects)) {
        await plane.client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
      }
      for (const object of objects) {
        const stored = await plane.client.dryRun(asKube(object));
        const { kind, metadata, spec } = asKube(stored);
        if (kind === "Service") expect(spec).toMatchObject(asKube(object).spec as object);
        else
          expect({ kind, metadata: metadata.name, spec }).toEqual({
            kind: object.kind,
            metadata: object.metadata.name,
            spec: asKube(object).spec,
          });
      }
    },
  );

  test.each(variants(model))(
    "istioctl validate and analyze find nothing: $title",
    async ({ title, objects }) => {
      const file = join(dir, `${title.replaceAll(" ", "-")}.yaml`);
      const namespaces = namespacesOf(objects).map((name) => ({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name, labels: { "istio-injection": "enabled" } },
      }));
      writeFileSync(file, [...namespaces, ...objects].map((object) => stringify(object)).join("---\n"));
      const lines: string[] = [];
      const onLine = (line: string) => lines.push(line);
      await run(istioctl, ["validate", "-f", file], { onLine });
      expect(lines.filter((line) => /warning|error/i.test(line))).toEqual([]);
      const args = ["analyze", "--use-kube=false", "-A", "--failure-threshold", "Info"];
      await run(istioctl, [...args, "--meshConfigFile", meshFile(), file]);
    },
  );
});

test("what is refused shows that this test can fail: a broken port, and a host in two entries", async () => {
  const broken = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "broken", namespace: "default" },
    spec: {
      hosts: ["a.example.com", "b.example.com"],
      ports: [{ number: 70_000, name: "tcp", protocol: "TCP" }],
      location: "MESH_EXTERNAL",
      resolution: "DNS",
    },
  };
  await expect(plane.client.dryRun(broken)).rejects.toThrow();
  const file = join(dir, "broken.yaml");
  writeFileSync(file, stringify(broken));
  await expect(run(istioctl, ["validate", "-f", file])).rejects.toThrow();
});

/** What `addressing: dns-capture` takes for granted; without it the analyzer asks for addresses. */
function meshFile(): string {
  const file = join(dir, "mesh.yaml");
  const proxyMetadata = { ISTIO_META_DNS_CAPTURE: "true", PILOT_ENABLE_IP_AUTOALLOCATE: "true" };
  writeFileSync(file, stringify({ trustDomain: "prod.example.com", defaultConfig: { proxyMetadata } }));
  return file;
}

function namespacesOf(objects: readonly IstioObject[]): string[] {
  return [...new Set(objects.map(({ metadata }) => metadata.namespace))];
}

function asKube(object: object): KubeObject {
  return object as KubeObject;
}
