import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EXIT } from "./exit.ts";
import { lintExit, lintPaths } from "./lint.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-lint-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
const found = () => lintPaths([dir], Date.parse("2026-01-01"));

const MESH = `apiVersion: v1
kind: Service
metadata: { namespace: shop, name: db }
spec: { selector: { app: db }, ports: [{ name: tcp-sql, port: 5432 }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { namespace: shop, name: default }
spec: { mtls: { mode: STRICT } }
`;
const RULE = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { namespace: shop, name: db }
spec:
  host: db
  trafficPolicy: { tls: { mode: DISABLE } }
`;
const TRUST = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec: { trustDomain: prod.example.com, clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }] }
`;

it("objects of several files are held against each other, with both places", () => {
  write("mesh.yaml", MESH);
  write("rule.yaml", RULE);
  const result = found();
  expect(result.findings).toHaveLength(1);
  expect(result.findings[0]).toMatchObject({
    rule: "PR530",
    position: { file: join(dir, "rule.yaml"), line: 6, col: 33 },
    message: expect.stringContaining(`${join(dir, "mesh.yaml")}:6:1`),
  });
  expect(lintExit(result, "error")).toBe(EXIT.found);
  expect(result.digest).toBeNull();
});

it("nothing wrong is exit 0, and files that are neither are passed over", () => {
  write("mesh.yaml", MESH);
  write("values.yaml", "replicas: 2\n");
  const result = found();
  expect(result.findings).toEqual([]);
  expect(lintExit(result, "error")).toBe(EXIT.ok);
});

it("policies beside them are linted as ever", () => {
  write("mesh.yaml", `${MESH}---\n${RULE}`);
  write("trust.yaml", TRUST);
  const result = found();
  expect(result.digest).toMatch(/^sha256:/);
  expect(result.findings.map(({ rule }) => rule)).toContain("PR530");
});

it("what cannot be read is exit 2", () => {
  write("mesh.yaml", MESH.replace("STRICT", "MOSTLY"));
  expect(lintExit(found(), "error")).toBe(EXIT.failed);
  write("mesh.yaml", MESH.replace("shop, name: db }", "shop, name: db"));
  expect(lintExit(found(), "error")).toBe(EXIT.failed);
});
