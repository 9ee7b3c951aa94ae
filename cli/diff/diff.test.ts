import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accessTable, diffAccessTables, formatAccessChanges, loadModel } from "../../policy/index.ts";
import { documentText, NOW, serviceText, TRUST } from "../../test/lint/breaches.ts";
import { type DiffFormat, diffExit, diffSides, formatDiff } from "./diff.ts";
import { diffMarkdown } from "./markdown.ts";

let folder: string;
let here: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve-diff-"));
  here = process.cwd();
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(here);
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string): void => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
    encoding: "utf8",
    stdio: "pipe",
  });
const options = { now: NOW, expand: false, requireAck: false };
const report = (base: string, head: string, more: Partial<typeof options> = {}) =>
  diffSides(base, head, { ...options, ...more });
const text = (base: string, head: string, format: DiffFormat = "text") =>
  formatDiff(report(base, head), format, false);

const world =
  TRUST +
  "---\n" +
  serviceText(
    "db",
    "{ protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external }, owner: data }",
  ) +
  documentText("Workload", "shop/api", "{ selector: { app: api } }") +
  documentText("Workload", "shop/web", "{ selector: { app: web } }") +
  documentText("Group", "dba", '{ members: { idpGroups: ["okta:dba"] } }');
const grant = (name: string, spec: string, annotations = ""): string =>
  `apiVersion: portreeve.dev/v1\nkind: Grant\nmetadata: { name: ${name}${annotations} }\nspec: ${spec}\n---\n`;
const api = grant("api-db", "{ from: { workloads: [shop/api] }, to: { service: db }, owner: shop }");
const dba = (until: string, annotations = "") =>
  grant(
    "dba-db",
    `{ from: { groups: [dba] }, to: { service: db }, when: { expires: "${until}" } }`,
    annotations,
  );

describe("a change of policies", () => {
  beforeEach(() => {
    write("base/p.yaml", world + api);
    write(
      "head/p.yaml",
      world +
        grant("api-db", "{ from: { workloads: [shop/web] }, to: { service: db }, owner: shop }") +
        dba("2026-03-01T00:00:00Z"),
    );
  });

  it("is told as text, the most important first, each with its line", () => {
    expect(text("base", "head")).toBe(`Access changes: 2 gained, 1 lost; 2 let somebody reach more.

+ okta:dba gains db:5432 via proxy, until 2026-03-01T00:00:00Z
    look: new human access
    because: head/p.yaml:36:1 Grant/dba-db added
    carried by: proxy configuration
    owner: data

+ shop/web gains db:5432 via proxy
    because: head/p.yaml:31:1 Grant/api-db changed
    carried by: proxy configuration
    owner: data

- shop/api loses db:5432 via proxy
    because: head/p.yaml:31:1 Grant/api-db changed
    carried by: proxy configuration
    owner: data
`);
  });

  it("is told as Markdown", () => {
    expect(
      text("base", "head", "markdown"),
    ).toBe(`### Access changes: 2 gained, 1 lost; 2 let somebody reach more.

\`base\` → \`head\`

| | who | to | how | look at |
|---|---|---|---|---|
| 🟢 gains | \`okta:dba\` | \`db:5432\` | via proxy, until 2026-03-01T00:00:00Z | new human access |
| 🟢 gains | \`shop/web\` | \`db:5432\` | via proxy |  |
| 🔴 loses | \`shop/api\` | \`db:5432\` | via proxy |  |

<details><summary>Which line of which file does it</summary>

- \`okta:dba\` → \`db:5432\` (owner: data)
  - \`head/p.yaml:36:1 Grant/dba-db added\`
  - carried by proxy configuration
- \`shop/web\` → \`db:5432\` (owner: data)
  - \`head/p.yaml:31:1 Grant/api-db changed\`
  - carried by proxy configuration
- \`shop/api\` → \`db:5432\` (owner: data)
  - \`head/p.yaml:31:1 Grant/api-db changed\`
  - carried by proxy configuration

</details>
`);
  });

  it("is told as JSON, SARIF and JUnit with the same rows", () => {
    const json = JSON.parse(text("base", "head", "json"));
    expect(json).toMatchObject({ version: 1, accessChanged: true });
    expect(json.changes[0]).toMatchObject({
      change: "gained",
      from: "okta:dba",
      to: "db",
      ports: "5432",
      via: ["proxy"],
      because: ["head/p.yaml:36:1 Grant/dba-db added"],
    });
    expect(JSON.parse(text("base", "head", "sarif")).runs[0].results).toHaveLength(3);
    expect(text("base", "head", "junit")).toContain('tests="3" failures="2"');
  });

  it("exits 1; for a rename alone it is one line and exits 0", () => {
    expect(diffExit(report("base", "head"))).toBe(1);
    write("renamed/p.yaml", world.replaceAll("  - {", "  -   {") + api.replace("api-db", "other"));
    expect(diffExit(report("base", "renamed"))).toBe(0);
    expect(text("base", "renamed")).toBe(
      "No access change: 2 objects were renamed or rewritten, and nobody gains or loses access.\n\n" +
        "note: Grant/api-db is now called Grant/other\n",
    );
    expect(text("base", "base")).toBe("No access change: both sides say the same.\n");
  });

  it("wants an acknowledgement that is new, or in the commit's message", () => {
    const open = (head: string) =>
      report("base", head, { requireAck: true }).unacknowledged?.map(({ from }) => from) ?? [];
    expect(open("head")).toEqual(["okta:dba", "shop/web"]);
    const reason = ", annotations: { portreeve.dev/ack: asked in SHOP-7 }";
    write("acked/p.yaml", world + api + dba("2026-03-01T00:00:00Z", reason));
    expect(open("acked")).toEqual([]);
    // The same reason does not cover the next widening.
    write("longer/p.yaml", world + api + dba("2027-03-01T00:00:00Z", reason));
    const again = report("acked", "longer", { requireAck: true });
    expect(again.unacknowledged).toHaveLength(1);
    expect(diffExit(again)).toBe(1);
    git("init", "-q", "-b", "main");
    git("add", "head");
    git("commit", "-qm", "Open the database\n\nPortreeve-Ack: dba-db\nPortreeve-Ack: Grant/api-db");
    expect(open("main:head")).toEqual([]);
    expect(open("head")).toEqual([]);
  });
});

describe("a git ref", () => {
  it("is read without touching the work tree, also from within a folder", () => {
    git("init", "-q", "-b", "main");
    write("policies/deep/p.yaml", world + api);
    write("policies/notes.test.yaml", "- { from: shop/api, to: db, expect: allow }");
    git("add", ".");
    git("commit", "-qm", "one");
    write("policies/deep/p.yaml", world);
    const [loss] = report("main:policies", "policies").diff.changes;
    expect(loss).toMatchObject({ change: "lost", from: "shop/api" });
    expect(loss?.because[0]?.position?.file).toBe("main:policies/deep/p.yaml");
    expect(readFileSync("policies/deep/p.yaml", "utf8")).toBe(world);
    process.chdir("policies");
    expect(report("HEAD:./deep/p.yaml", "deep").diff.changes).toHaveLength(1);
    // Paths from the top of the repository mean the same from within a folder: all of it, not what is below it.
    expect(report("main:policies", "deep").diff.changes).toHaveLength(1);
    expect(() => report("HEAD:nowhere", "deep")).toThrow(/HEAD has no "nowhere"/);
    expect(() => report("nobranch:deep", "deep")).toThrow(/no commit "nobranch"; in CI, fetch it first/);
  });

  it("with a link in it is refused, as what it leads to would be lost", () => {
    git("init", "-q", "-b", "main");
    write("p/p.yaml", world);
    execFileSync("ln", ["-s", "p.yaml", "p/link.yaml"]);
    git("add", ".");
    git("commit", "-qm", "one");
    expect(() => report("main:p", "p")).toThrow(/link\.yaml is a link/);
  });
});

describe("a Pulumi stack", () => {
  const rows = (policies: string) =>
    accessTable(loadModel({ texts: [{ name: "p.yaml", text: policies }] })).map(
      ({ position: _, ...row }) => row,
    );
  const plane = (policies: string) => ({
    urn: "urn:pulumi:prod::shop::portreeve:index:AccessPlane::prod",
    type: "portreeve:index:AccessPlane",
    outputs: { accessTable: rows(policies) },
  });

  it("is compared by the access table that it recorded, with a preview or with policies", () => {
    write("state.json", JSON.stringify({ version: 3, deployment: { resources: [plane(world + api)] } }));
    write("preview.json", JSON.stringify({ steps: [{ op: "update", newState: plane(world) }] }));
    write("head/p.yaml", world);
    for (const head of ["preview.json", "head"]) {
      expect(report("state.json", head).diff.changes).toMatchObject([
        { change: "lost", from: "shop/api", to: "db" },
      ]);
    }
  });

  it("without an AccessPlane is compared by its Kubernetes objects", () => {
    const pod = (name: string) => ({
      urn: `urn:pulumi:p::s::kubernetes:core/v1:Pod::${name}`,
      type: "kubernetes:core/v1:Pod",
      inputs: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [] } },
    });
    write("a.json", JSON.stringify({ deployment: { resources: [pod("one")] } }));
    write(
      "b.json",
      JSON.stringify({
        steps: [
          { op: "same", newState: pod("one") },
          { op: "create", newState: pod("two") },
        ],
      }),
    );
    expect(
      report("a.json", "b.json").diff.changes.some(
        ({ from, to }) => from === "default/two" && to === "default/one",
      ),
    ).toBe(true);
    write("none.json", JSON.stringify({ deployment: { resources: [] } }));
    expect(() => report("none.json", "b.json")).toThrow(/neither an AccessPlane nor a Kubernetes object/);
  });
});

describe("diffAccessTables", () => {
  it("needs tables only, reads every condition that they have, and tells each change in a line", () => {
    const table = (spec: string) =>
      accessTable(loadModel({ texts: [{ name: "p.yaml", text: world + grant("g", spec) }] }));
    const before = table(
      "{ from: { workloads: [shop/api] }, to: { service: db }, when: { notBefore: 2026-01-01, expires: 2026-06-01, sourceCidrs: [10.0.0.0/8], sni: [db.example.com] }, limits: { maxConnections: 5, connectionsPerMinute: 9, maxBytes: 1000, maxConnectionDuration: 8h } }",
    );
    expect(diffAccessTables(before, before)).toEqual([]);
    expect(formatAccessChanges([])).toBe("no access change");
    const after = table("{ from: { workloads: [shop/api] }, to: { service: db } }");
    expect(formatAccessChanges(diffAccessTables(before, after))).toMatch(
      /^~ shop\/api changes at db:5432: via proxy, from 2026-01-01.* → via proxy \(p.yaml:31:1 Grant\/g changed\)$/,
    );
  });
});

describe("misuse", () => {
  it.each([
    ["missing", "head", /missing.*cannot be read: no such file/s],
    ["k8s", "head", /k8s is Kubernetes objects and head is Portreeve policies; compare like with like/],
    ["other", "head", /other holds neither Portreeve policies/],
    ["broken", "head", /broken\/p\.yaml:2:\d+: error PR1/],
  ])("%s and %s say what to do", (base, head, message) => {
    write("head/p.yaml", world);
    write("k8s/p.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n");
    write("other/p.yaml", "image: { tag: v1 }\n");
    write("broken/p.yaml", "apiVersion: portreeve.dev/v1\nkind: [");
    expect(() => report(base, head)).toThrow(message);
  });
});

describe("Markdown for a comment", () => {
  it("stays under the limit and counts what was cut; names cannot make mentions or HTML", () => {
    const changes = Array.from({ length: 3000 }, (_, index) => ({
      change: "gained" as const,
      from: `shop/w${index}`,
      fromKind: "workload" as const,
      to: `service-${index}`,
      ports: "5432",
      via: ["proxy"],
      before: [],
      after: ["via proxy, <b>@everyone</b>"],
      widens: true,
      because: [],
      targets: [],
      owner: undefined,
      risks: [],
    }));
    const diff = { changes, objects: [], notes: [] };
    const markdown = diffMarkdown({ base: "a", head: "b", diff, unacknowledged: undefined });
    expect(markdown.length).toBeLessThan(65_536);
    const rows = markdown.match(/🟢 gains/g)?.length ?? 0;
    expect(markdown).toContain(`…and ${3000 - rows} more;`);
    expect(markdown).not.toMatch(/<b>|@everyone/);
    expect(markdown.match(/<details>/g)?.length).toBe(markdown.match(/<\/details>/g)?.length);
  });
});
