/** portreeve diff with a running cluster as a side: the real API server and kubectl. Istio's proxies play no part: objects are compared. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DiffOptions, diffExit, diffSides } from "../../cli/diff/diff.ts";
import { part } from "../toolchain/parts.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-diff-live-"));
  // The command finds kubectl where its user has it: on PATH.
  process.env.PATH = [dirname((await part("kubectl")).path), process.env.PATH].join(delimiter);
  plane = await startControlPlane({ crds: true });
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await plane?.stop();
});

const options: DiffOptions = { now: Date.parse("2026-11-21"), expand: true, requireAck: false };
const named = (kind: string, apiVersion: string, name: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { namespace: "shop", name },
  spec,
});
const deployment = (name: string) =>
  named("Deployment", "apps/v1", name, {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { serviceAccountName: name, containers: [{ name, image: name }] },
    },
  });
const policy = (account: string) =>
  named("AuthorizationPolicy", "security.istio.io/v1", "db", {
    selector: { matchLabels: { app: "db" } },
    rules: [{ from: [{ source: { principals: [`cluster.local/ns/shop/sa/${account}`] } }] }],
  });
const objects = (account: string) => [
  {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { "istio-injection": "enabled" } },
  },
  ...["db", "api", "job"].map(deployment),
  named("Service", "v1", "db", { selector: { app: "db" }, ports: [{ port: 5432 }] }),
  policy(account),
];

test("a folder against the cluster that it was applied to is no change, until it would change access", async () => {
  for (const object of objects("api")) await plane.client.apply(object);
  const write = (account: string): void =>
    writeFileSync(
      join(dir, "all.json"),
      JSON.stringify({ apiVersion: "v1", kind: "List", items: objects(account) }),
    );
  const live = `kubeconfig:${plane.kubeconfig}`;
  write("api");
  const same = diffSides(live, dir, options);
  expect(same.diff.changes).toEqual([]);
  expect(diffExit(same)).toBe(0);

  write("job");
  const { changes } = diffSides(live, dir, options).diff;
  expect(changes.map(({ change, from, to }) => `${change} ${from} → ${to}`)).toEqual([
    "gained shop/job → shop/db:5432",
    "lost shop/api → shop/db:5432",
  ]);
  expect(changes[0]?.because.map(({ object }) => object)).toEqual(["AuthorizationPolicy/shop/db"]);
  expect(() => diffSides(`${live}#nobody`, dir, options)).toThrow(
    /cannot read the cluster of nobody in .*nobody/s,
  );
});
