/**
 * The report over policies in a git repository of their own, and a log that the chain's own writer wrote. Not proven here: how
 * it looks.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GENESIS, seal } from "../../policy/audit/chain-line.ts";

const DAY = 86_400_000;
const NOW = Date.now();
const at = (days: number): string => new Date(NOW - days * DAY).toISOString();
const object = (kind: string, name: string, spec: string): string =>
  `apiVersion: portreeve.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const grant = (name: string, who: string, rest = ""): string =>
  object("Grant", name, `{ from: { groups: [${who}] }, to: { service: db }, owner: ops${rest} }`);
const BASE = [
  object(
    "Trust",
    "estate",
    `{ trustDomain: prod.example.com, clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }], identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] } }`,
  ),
  object(
    "Service",
    "db",
    "{ protocol: tcp, hosts: [db.example.com], ports: [5432], location: { type: external }, owner: data }",
  ),
  ...["dba", "dev", "ops"].map((name) =>
    object("Group", name, `{ owner: ops, members: { idpGroups: ["okta:${name}"] } }`),
  ),
  object(
    "Waiver",
    "old",
    `{ rule: PR204, scope: [Service/db], owner: ops, reason: "<script>alert(1)</script>", expires: 2026-01-01T00:00:00Z }`,
  ),
].join("---\n");

let dir = "";
const file = (name: string): string => join(dir, name);
const git = (date: string, ...args: string[]): string =>
  execFileSync("git", args, {
    cwd: dir,
    env: { ...process.env, GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date, GIT_CONFIG_GLOBAL: "/dev/null" },
  }).toString();
const audit = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(import.meta.dirname, "../main.ts"), "audit", ...args], {
    cwd: dir,
    encoding: "utf8",
  });

function commit(days: number, grants: string): void {
  writeFileSync(file("policies/grants.yaml"), grants);
  git(at(days), "add", ".");
  git(at(days), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "policies");
}

const record = (
  days: number,
  user: string,
  group: string,
  verdict: "allow" | "deny",
  rule?: string,
): object => ({
  time: at(days),
  event: "close",
  connection: `c${days}`,
  "src.addr": "10.0.0.1:4711",
  "src.user": user,
  "src.groups": [group],
  "dst.service": "db",
  "dst.port": 5432,
  verdict,
  reason: verdict === "allow" ? "allowed" : "no-grant-for-person",
  rule,
  bytes_sent: 1_000,
  bytes_recv: 500,
});

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-report-"));
  mkdirSync(file("policies"));
  git(at(0), "init", "-q", "-b", "main");
  writeFileSync(file("policies/base.yaml"), BASE);
  commit(200, [grant("dba-db", "dba"), grant("dev-db", "dev")].join("---\n"));
  commit(60, [grant("dba-db", "dba"), grant("ops-db", "ops")].join("---\n"));
  commit(3, [grant("dba-db", "dba"), grant("ops-db", "ops"), grant("new-db", "dev")].join("---\n"));
  let prev = GENESIS;
  const lines = [
    { time: at(150), event: "start" },
    record(120, "okta:ann", "okta:dba", "allow", "dba-db"),
    record(50, "okta:ann", "okta:dba", "allow", "dba-db"),
    record(40, "okta:ann", "okta:dba", "allow", "dba-db"),
    record(30, "okta:\u001b[31mbob<img>", "okta:dev", "deny"),
    { time: at(1), event: "checkpoint", final: true },
  ].map((body, seq) => {
    const sealed = seal(JSON.stringify(body).slice(0, -1), "c", seq, prev);
    prev = sealed.hash;
    return sealed.line;
  });
  writeFileSync(file("audit.jsonl"), lines.join(""));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const both = ["--policies", "policies", "--logs", "audit.jsonl"];
interface Report {
  readonly services: readonly {
    readonly name: string;
    readonly could: readonly {
      readonly row: { readonly from: string; readonly grant: string };
      readonly from?: { readonly time: number };
      readonly until?: { readonly time: number };
    }[];
    readonly did: readonly object[];
    readonly denied: readonly object[];
  }[];
  readonly grants: readonly { readonly grant: { readonly name: string }; readonly state: string }[];
  readonly removal: string;
  readonly commits: number;
}

describe("audit report", () => {
  test("says who could at each commit, who did, who was denied, and what nobody used, each with its lines", () => {
    const { status, stdout, stderr } = audit("report", ...both, "--since", "90d", "--json");
    expect(stderr).toBe("");
    expect(status).toBe(1);
    const report = JSON.parse(stdout) as Report;
    const [db] = report.services;
    const could = db?.could.map(({ row, from, until }) => {
      const days = (one?: { time: number }) => (one ? Math.round((NOW - one.time) / DAY) : undefined);
      return [row.from, row.grant, days(from), days(until)];
    });
    expect(could).toEqual([
      ["okta:dba", "dba-db", undefined, undefined],
      ["okta:dev", "new-db", 3, undefined],
      ["okta:dev", "dev-db", undefined, 60],
      ["okta:ops", "ops-db", 60, undefined],
    ]);
    expect(db?.did).toMatchObject([
      {
        who: "okta:ann",
        count: 2,
        rules: ["dba-db"],
        position: { file: "policies/grants.yaml", line: 1 },
        lastAt: { file: "audit.jsonl", line: 4 },
      },
    ]);
    expect(db?.denied).toMatchObject([
      { count: 1, reason: "no-grant-for-person", lastAt: { file: "audit.jsonl", line: 5 } },
    ]);
    // ops-db is 60 days old, and new-db 3: nobody can say that they were not used for 90 days.
    expect(report.grants.map(({ grant: { name }, state }) => [name, state])).toEqual([
      ["dba-db", "used"],
      ["new-db", "unknown"],
      ["ops-db", "unknown"],
    ]);
  });

  test("calls a grant dormant when it was there and not used for the whole time, and removes it by a patch that applies", () => {
    const { stdout } = audit("report", ...both, "--since", "30d", "--json");
    const report = JSON.parse(stdout) as Report;
    expect(
      report.grants.flatMap(({ grant: { name }, state }) => (state === "dormant" ? [name] : [])),
    ).toEqual(["dba-db", "ops-db"]);
    writeFileSync(file("removal.patch"), report.removal);
    git(at(0), "apply", "--check", "removal.patch");
  });

  test("cannot call anything dormant from records that do not reach back so far", () => {
    const { stdout } = audit("report", ...both, "--since", "180d", "--json");
    const states = (JSON.parse(stdout) as Report).grants.map(({ state }) => state);
    expect(states).not.toContain("dormant");
  });

  test("is one page that loads nothing and runs nothing, whatever names stand in it", () => {
    const { stdout } = audit(
      "report",
      ...both,
      "--since",
      "90d",
      "--standard",
      "pci",
      "--html",
      "report.html",
    );
    expect(stdout).not.toMatch("\u001b");
    const page = readFileSync(file("report.html"), "utf8");
    expect(page).toMatch("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).toMatch("okta:\\u001b[31mbob&lt;img&gt;");
    expect(page).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|url\(|@import|https?:/i);
    expect(page).toMatch("10.2.1.1");
  });

  test("suggests as a patch that applies, and then has nothing more to suggest", () => {
    const { status, stdout } = audit("suggest", ...both, "--since", "90d");
    expect(status).toBe(1);
    writeFileSync(file("narrower.patch"), stdout);
    git(at(0), "apply", "narrower.patch");
    expect(audit("suggest", ...both, "--since", "90d").status).toBe(0);
    git(at(0), "checkout", "-q", "policies");
  });

  test("suggests no new file in the place of one that is there", () => {
    const mine = object("Group", "mine", '{ owner: ops, members: { idpGroups: ["okta:mine"] } }');
    writeFileSync(file("policies/suggested.yaml"), mine);
    writeFileSync(file("denied.jsonl"), `${JSON.stringify(record(10, "okta:cat", "okta:mine", "deny"))}\n`);
    const more = ["--logs", "denied.jsonl", "--since", "90d", "--include-denied", "--write"];
    const { status, stderr } = audit("suggest", ...both, ...more);
    expect(stderr).toContain("policies/suggested.yaml is there already");
    expect(status).toBe(2);
    expect(readFileSync(file("policies/suggested.yaml"), "utf8")).toBe(mine);
    expect(git(at(0), "status", "--porcelain", "policies").trim()).toBe("?? policies/suggested.yaml");
    rmSync(file("policies/suggested.yaml"));
  });

  test("reads the commits of the folder alone, whatever its name means to git", () => {
    git(at(0), "mv", "policies", "!policies");
    git(at(2), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "moved");
    writeFileSync(file("README.md"), "x");
    git(at(0), "add", ".");
    git(at(1), "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "else");
    const { stdout } = audit("report", "--policies", "!policies", "--logs", "audit.jsonl", "--json");
    // Before the first commit with it, that commit, and what is on disk.
    expect((JSON.parse(stdout) as Report).commits).toBe(3);
    git(at(0), "reset", "-q", "--hard", "HEAD~2");
  });
});
