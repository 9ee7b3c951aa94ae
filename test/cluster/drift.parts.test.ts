/** portreeve drift against a real API server, with the real kubectl. Istio's proxies play no part: objects are compared. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folderSide, liveSide } from "../../cli/drift/sides.ts";
import { drift } from "../../policy/drift/index.ts";
import { part } from "../toolchain/parts.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-drift-"));
  // The command finds kubectl where its user has it: on PATH.
  process.env.PATH = [dirname((await part("kubectl")).path), process.env.PATH].join(delimiter);
  plane = await startControlPlane({ crds: true });
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await plane?.stop();
});

const options = { cluster: undefined, refs: new Map(), trustDomain: undefined, rootNamespace: undefined };

const policy = (account: string) => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { namespace: "shop", name: "db" },
  spec: {
    selector: { matchLabels: { app: "db" } },
    action: "ALLOW",
    rules: [{ from: [{ source: { principals: [`td.example/ns/shop/sa/${account}`] } }] }],
  },
});

const deployment = (name: string) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { namespace: "shop", name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { serviceAccountName: name, containers: [{ name, image: name }] },
    },
  },
});

test("what was applied is no drift from what was wanted, until somebody edits it by hand", async () => {
  await plane.client.apply({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { "istio-injection": "enabled" } },
  });
  for (const name of ["db", "api", "job"]) await plane.client.apply(deployment(name));
  await plane.client.apply(policy("api"));
  writeFileSync(join(dir, "policy.json"), JSON.stringify(policy("api")));
  const wanted = folderSide(dir, options);
  expect(drift(wanted, liveSide(plane.kubeconfig, options)).rows).toEqual([]);

  await plane.client.apply(policy("job"));
  const { rows } = drift(wanted, liveSide(plane.kubeconfig, options));
  expect(rows.map(({ from, to }) => `${from} → ${to}`)).toEqual(["shop/api → shop/db", "shop/job → shop/db"]);
  expect(rows[0]?.because).toEqual(["AuthorizationPolicy/shop/db"]);
});
