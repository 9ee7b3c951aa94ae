/**
 * The command over folders, and over clusters as a stand-in for kubectl answers for them: what a real API server says is not
 * proven here.
 */
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseAllDocuments } from "yaml";
import { EXIT } from "../exit.ts";
import { run } from "../program.ts";

const GOLDEN = join(import.meta.dirname, "../../test/golden/multi-cluster/policies.yaml");

let dir: string;
let out: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-drift-"));
  cpSync(GOLDEN, join(dir, "policies.yaml"));
  out = "";
  const keep = (text: unknown): boolean => {
    out += String(text);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(keep);
  vi.spyOn(console, "error").mockImplementation((text: unknown) => {
    out += String(text);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const policies = () => join(dir, "policies.yaml");

it("the same policies for two clusters differ in nothing but what is declared", async () => {
  const code = await run(["drift", policies(), policies(), "--cluster", "use1", "--cluster", "euc1"]);
  expect(out).toMatch(
    /Service archive is declared for one of the clusters alone[\s\S]*no difference in access; policy set sha256:/,
  );
  expect(code).toBe(EXIT.ok);
});

it("a folder that was rendered has what its policies say, until they change", async () => {
  const rendered = join(dir, "rendered");
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  expect(await run(["render", policies(), "--out", rendered])).toBe(EXIT.ok);
  expect(await run(["drift", policies(), rendered, "--cluster", "use1"])).toBe(EXIT.ok);
  rmSync(join(rendered, "use1/istio"), { recursive: true });
  out = "";
  const code = await run(["drift", policies(), rendered, "--cluster", "use1", "--format", "json"]);
  expect(code).toBe(EXIT.found);
  const { rows } = JSON.parse(out) as { rows: { layer: string; to: string; a: string; b: string }[] };
  expect(rows).toContainEqual(
    expect.objectContaining({ layer: "mesh", to: "shop/app=cache", a: "", b: "TCP 1-65535" }),
  );
});

it.each([
  ["one side", ["drift", "DIR"], /give two sides/],
  ["a cluster that there is not", ["drift", "DIR", "DIR", "--cluster", "usw1"], /no cluster "usw1"/],
  ["no cluster of several", ["drift", "DIR", "DIR"], /choose one with --cluster/],
  ["a folder that is not there", ["drift", "DIR/none", "DIR"], /no such file/],
])("%s could not run", async (_, args, message) => {
  expect(await run(args.map((arg) => arg.replace("DIR", dir)))).toBe(EXIT.failed);
  expect(out).toMatch(message);
});

describe("running clusters", () => {
  const MESH = `apiVersion: v1
kind: Namespace
metadata: { name: shop, uid: a, resourceVersion: "1", labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Pod
metadata: { namespace: shop, name: db, uid: b, labels: { app: db } }
spec: { serviceAccountName: db, containers: [] }
status: { phase: Running }
---
apiVersion: v1
kind: Pod
metadata: { namespace: shop, name: api, labels: { app: api } }
spec: { serviceAccountName: api, containers: [] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { namespace: shop, name: db, creationTimestamp: "2026-01-01T00:00:00Z" }
spec: { selector: { matchLabels: { app: db } }, rules: [{ from: [{ source: { principals: [td.example/ns/shop/sa/api] } }] }] }
`;

  /** A program in kubectl's place that gets what a file holds of a kind, and knows no NetworkPolicies. */
  function stubKubectl(): void {
    const program = `#!/usr/bin/env node
const [, file, , kind] = process.argv.slice(2);
if (kind.startsWith("networkpolicies")) { console.error("error: the server doesn't have a resource type \\"" + kind + "\\""); process.exit(1); }
if (file.endsWith("refused.json")) { console.error("error: You must be logged in to the server"); process.exit(1); }
const plural = (object) => object.kind.toLowerCase().replace(/y$/, "ie") + "s";
const items = JSON.parse(require("fs").readFileSync(file)).filter((object) => plural(object) === kind.split(".")[0]);
console.log(JSON.stringify({ kind: "List", items }));
`;
    writeFileSync(join(dir, "kubectl"), program);
    chmodSync(join(dir, "kubectl"), 0o755);
    vi.stubEnv("PATH", `${dir}:${process.env["PATH"] ?? ""}`);
  }

  function cluster(name: string, text: string): string {
    const file = join(dir, name);
    writeFileSync(file, JSON.stringify(parseAllDocuments(text).map((document) => document.toJS())));
    return file;
  }

  it("with the same access, whatever the server added, are the same", async () => {
    stubKubectl();
    const a = cluster("a.json", MESH);
    const b = cluster("b.json", MESH.replace("uid: b", "uid: c").replace("2026-01-01", "2026-02-01"));
    expect(await run(["drift", "--kubeconfig", a, "--kubeconfig", b])).toBe(EXIT.ok);
  });

  it("with other access differ, and so do wanted and there", async () => {
    stubKubectl();
    const a = cluster("a.json", MESH);
    const b = cluster("b.json", MESH.replace("sa/api", "sa/job"));
    expect(await run(["drift", "--kubeconfig", a, "--kubeconfig", b])).toBe(EXIT.found);
    expect(out).toContain("shop/api → shop/db");
    writeFileSync(join(dir, "wanted.yaml"), MESH.split("---\n")[3] ?? "");
    expect(await run(["drift", join(dir, "wanted.yaml"), "--kubeconfig", a])).toBe(EXIT.ok);
    expect(await run(["drift", join(dir, "wanted.yaml"), "--kubeconfig", b])).toBe(EXIT.found);
  });

  it("that refuse could not be read", async () => {
    stubKubectl();
    const refused = join(dir, "refused.json");
    expect(await run(["drift", policies(), "--cluster", "use1", "--kubeconfig", refused])).toBe(EXIT.failed);
    expect(out).toMatch(/cannot read the cluster of .*must be logged in/);
  });
});
