import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { compileAll } from "../../policy/compile/index.ts";
import { loadModel } from "../../policy/index.ts";
import { documentText, NOW, serviceText, TRUST } from "../../test/lint/breaches.ts";
import { MARKER } from "./folder.ts";
import { renderPolicies } from "./render.ts";

let root: string;
let out: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "portreeve-render-"));
  out = join(root, "out");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const POLICIES =
  TRUST +
  "---\n" +
  serviceText(
    "db",
    "{ protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }",
  ) +
  serviceText(
    "cache",
    "{ protocol: redis, ports: [6379], location: { type: mesh, namespace: shop, selector: { app: cache } } }",
  ) +
  documentText("Workload", "shop/api", "{ selector: { app: api }, groups: [backend] }") +
  documentText("Group", "backend", "{ members: {} }") +
  documentText("Grant", "api-db", "{ from: { groups: [backend] }, to: { service: db }, owner: shop }") +
  documentText("Grant", "api-cache", "{ from: { groups: [backend] }, to: { service: cache }, owner: shop }");

function render(text = POLICIES, options: { ref?: string[]; cluster?: string; allowRefs?: boolean } = {}) {
  const path = join(root, "p.yaml");
  writeFileSync(path, text);
  return renderPolicies([path], { out, ref: [], ...options }, NOW);
}

function tree(folder = out): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]),
  );
}

describe("rendered files", () => {
  it("hold every target of every cluster, one object a file, as the compilers made it", () => {
    render();
    const model = loadModel({ paths: [join(root, "p.yaml")] });
    const files = tree();
    for (const cluster of model.trust.spec.clusters) {
      const { istio, kubernetes } = compileAll({ model, cluster });
      const names = Object.keys(files).filter(
        (name) => name.startsWith(`${cluster.name}/`) && /\/(istio|kubernetes)\//.test(name),
      );
      const byText = (objects: unknown[]) => objects.map((object) => JSON.stringify(object)).sort();
      const plain: unknown[] = JSON.parse(
        JSON.stringify([...istio.targets, ...kubernetes.targets].map(({ object }) => object)),
      );
      expect(byText(names.map((name) => parse(files[name] ?? "")))).toEqual(byText(plain));
      const { resources } = parse(files[`${cluster.name}/kustomization.yaml`] ?? "");
      expect(resources.map((name: string) => `${cluster.name}/${name}`)).toEqual(names);
    }
    expect(Object.keys(files).filter((name) => name.includes("/proxy/"))).toHaveLength(2);
  });

  it("mean the same to a reader of YAML 1.1, as kubectl is, and of 1.2", () => {
    const odd = POLICIES.replaceAll(
      "app: api",
      'app: "no", answer: "yes", mode: "0777", at: "1e3", flag: "on", oct: "0o10"',
    );
    render(odd);
    for (const [name, text] of Object.entries(tree())) {
      if (name.endsWith(".yaml")) expect(parse(text, { version: "1.1" })).toEqual(parse(text));
    }
  });

  // The proxy's configuration says for the audit log in which line a grant stands; that moves with the order.
  it("are the same bytes for the same policies, whatever their order, but for the lines of grants", () => {
    const lineless = () => JSON.parse(JSON.stringify(tree()).replace(/(line[\\"]*: ?)\d+/g, "$10"));
    render();
    const first = lineless();
    render(POLICIES.split("---\n").reverse().join("---\n"));
    expect(lineless()).toEqual(first);
  });

  it("of one cluster only, when one is named", () => {
    expect(render(POLICIES, { cluster: "use1" }).clusters).toEqual(["use1"]);
    expect(readdirSync(out).sort()).toEqual([MARKER, "use1"]);
    expect(() => render(POLICIES, { cluster: "use2" })).toThrow(
      'Trust has no cluster "use2"; did you mean "use1"?',
    );
  });
});

describe("references", () => {
  const withRef = POLICIES.replace("hosts: [db.example.com]", 'hosts: ["${ref:dbHost}"]');

  it("must have a value, and nothing is written without", () => {
    expect(() => render(withRef)).toThrow("no value for ${ref:dbHost}: give --ref dbHost=…");
    expect(existsSync(out)).toBe(false);
  });

  it("are replaced everywhere by the value given", () => {
    render(withRef, { ref: ["dbHost=db.eu.example.com"] });
    const text = Object.values(tree()).join();
    expect(text).toContain("db.eu.example.com");
    expect(text).not.toContain("${ref:");
  });

  it("may be left in when asked", () => {
    expect(render(withRef, { allowRefs: true }).missing).toEqual(["dbHost"]);
    expect(Object.values(tree()).join()).toContain("${ref:dbHost}");
  });

  it.each(["dbHost", "=x", 'dbHost=a"b', "dbHost=a\\b", "dbHost=a\nb"])("refuses --ref %j", (ref) => {
    expect(() => render(withRef, { ref: [ref] })).toThrow("--ref");
  });
});

describe("the folder", () => {
  it("loses what is no longer rendered and keeps what others put there", () => {
    render();
    writeFileSync(join(out, "use1", "README.md"), "ours");
    symlinkSync("README.md", join(out, "use1", "link"));
    const { removed } = render(
      POLICIES.replace(/apiVersion[^-]*kind: Grant\nmetadata: \{ name: api-cache[\s\S]*$/, ""),
    );
    expect(removed.length).toBeGreaterThanOrEqual(0);
    const names = Object.keys(tree());
    expect(names).toContain("use1/README.md");
    expect(readFileSync(join(out, "use1", "link"), "utf8")).toBe("ours");
    const { removed: gone } = render(POLICIES, { cluster: "vip" });
    expect(gone.every((name) => name.startsWith("use1/"))).toBe(true);
    expect(Object.keys(tree()).filter((name) => name.startsWith("use1/"))).toEqual(["use1/README.md"]);
  });

  it("is refused when somebody else wrote it, or a file in the way", () => {
    mkdirSync(out);
    writeFileSync(join(out, "mine.yaml"), "a: 1");
    expect(() => render()).toThrow("holds files that portreeve render did not write");
    rmSync(join(out, "mine.yaml"));
    render(POLICIES, { cluster: "use1" });
    mkdirSync(join(out, "vip"));
    writeFileSync(join(out, "vip", "kustomization.yaml"), "mine");
    expect(() => render()).toThrow("vip/kustomization.yaml was not written by portreeve render");
    expect(readFileSync(join(out, "vip", "kustomization.yaml"), "utf8")).toBe("mine");
  });

  it("is refused when its marker is not ours, and when it is a file", () => {
    mkdirSync(out);
    writeFileSync(join(out, MARKER), "{}");
    expect(() => render()).toThrow("is not as portreeve render wrote it");
    rmSync(out, { recursive: true });
    writeFileSync(out, "");
    expect(() => render()).toThrow("is not a folder");
  });

  it("stays as it was when the policies have an error", () => {
    render();
    const before = tree();
    expect(() =>
      render(
        POLICIES.replace(
          "groups: [backend] }, to: { service: db }",
          "groups: [backend], cidrs: [0.0.0.0/0] }, to: { service: db }",
        ),
      ),
    ).toThrow("PR222");
    expect(() => render(`${POLICIES}---\nkind: [`)).toThrow("PR101");
    expect(tree()).toEqual(before);
    expect(readdirSync(root).sort()).toEqual(["out", "p.yaml"]);
  });

  it("is put right after a run that was killed between moving the old away and the new in", () => {
    render();
    const before = tree();
    renameSync(out, `${out}.portreeve-previous`);
    mkdirSync(`${out}.portreeve-next`);
    writeFileSync(join(`${out}.portreeve-next`, "half"), "");
    render();
    expect(tree()).toEqual(before);
    expect(readdirSync(root).sort()).toEqual(["out", "p.yaml"]);
  });
});
