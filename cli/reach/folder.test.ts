import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PolicyError } from "../../policy/finding.ts";
import { formatPorts } from "../../policy/sets/ports.ts";
import { reachFolder } from "./folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "reach-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

const reached = (options = {}) => {
  const { rows, warnings } = reachFolder([folder], options);
  const inside = rows.filter(({ src, dst }) => !`${src}${dst}`.includes("external:"));
  return { rows: inside.map(({ src, dst, ports }) => `${src} > ${dst}: ${formatPorts(ports)}`), warnings };
};
const refusal = () => {
  try {
    reachFolder([folder], {});
  } catch (error) {
    if (error instanceof PolicyError) return error.message.replaceAll(`${folder}/`, "");
  }
  return expect.unreachable("the folder is refused");
};

const WORKLOADS = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: api, namespace: shop, labels: {app: api}}, spec: {containers: []}}
- apiVersion: v1
  kind: Pod
  metadata: {name: db, namespace: shop, labels: {app: db}}
  spec: {containers: []}
`;
const ONLY_SQL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - to: [{operation: {ports: ["5432"]}}]
`;

test("reads folders in folders, YAML and JSON, several documents and lists, and passes over what is not Kubernetes'", () => {
  write("base/workloads.yaml", WORKLOADS);
  write("policies/all.yml", `---\n# nothing\n---\n${ONLY_SQL}---\nport: 80\n`);
  write("package.json", '{"name":"x"}');
  write(
    "np.json",
    JSON.stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "api", namespace: "shop" },
      spec: { podSelector: { matchLabels: { app: "api" } } },
    }),
  );
  expect(reached()).toEqual({
    rows: ["shop/api > shop/db: SCTP 1-65535,TCP 5432,UDP 1-65535"],
    warnings: [],
  });
});

test("refuses to answer when anything is wrong, with the position of all of it", () => {
  write("a.yaml", WORKLOADS.replace("labels: {app: db}", "labels: {app: 5}"));
  write("b.yaml", ONLY_SQL.replace("rules:\n  - to:", "action: PERMIT\n  rules:\n  - to:"));
  write("chart/c.yaml", "metadata:\n  name: {{ .Values.name }}\n");
  write(
    "d.yaml",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec:\n  ingress:\n  - form: []\n",
  );
  const lines = refusal().split("\n");
  expect(lines).toEqual([
    "a.yaml:7:55: error PR190: Pod: metadata.labels.app: write a text here; quote it when it looks like a number or a boolean",
    expect.stringMatching(/^b\.yaml:6:11: error PR190: AuthorizationPolicy: spec\.action: /),
    expect.stringMatching(/^chart\/c\.yaml:2:\d+: error PR190: not valid YAML: /),
    "    fix: render the templates first, e.g. with `helm template`",
    'd.yaml:6:5: error PR190: NetworkPolicy/default/x: spec.ingress[0]: Unrecognized key: "form"',
  ]);
});

test("an empty or absent folder is refused", () => {
  expect(refusal()).toMatch(/error PR100/);
  expect(() => reachFolder([join(folder, "none")], {})).toThrow(PolicyError);
});

test("says when Istio's policies do nothing, as no workload is in the mesh", () => {
  write(
    "a.yaml",
    `${WORKLOADS}---\n${ONLY_SQL}---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n`,
  );
  const { rows, warnings } = reached();
  expect(rows).toContain("shop/api > shop/db: All Connections");
  expect(warnings).toEqual([expect.stringMatching(/^warning: no workload is in the mesh/)]);
  expect(reached({ dataplane: "sidecar" }).warnings).toEqual([]);
});

test("says what it cannot know: attributes, authorizers, and ports that ambient mode does not use", () => {
  const when = `${ONLY_SQL}    when: [{key: connection.sni, values: [db]}]\n`;
  write(
    "a.yaml",
    `${WORKLOADS}---\n${when}---\n${ONLY_SQL.replace("name: db", "name: ask").replace("rules", "action: CUSTOM\n  provider: {name: x}\n  rules")}`,
  );
  write(
    "np.yaml",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec:\n  podSelector: {}\n  ingress: [{ports: [{port: 5432}]}]\n",
  );
  expect(reached({ dataplane: "ztunnel" }).warnings).toEqual([
    expect.stringMatching(/CUSTOM/),
    expect.stringMatching(/connection\.sni/),
    expect.stringMatching(/shop\/api, but not from workloads in ambient mode/),
    expect.stringMatching(/shop\/db, but not from workloads in ambient mode/),
  ]);
});

test("says so when there is nothing in the folder that could reach anything", () => {
  const { rows, warnings } = reachFolder([join(import.meta.dirname, "../../examples/orders/policies")], {});
  expect(rows).toEqual([]);
  expect(warnings.join()).toContain("portreeve access");
});
