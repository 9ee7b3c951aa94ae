/**
 * action.yml and ci-templates/gitlab.yml as a CI runs them: their own scripts in their own shell with their own environment, in
 * a clone of depth 1, against the stand-in for the forges' APIs. Not proven here: that the hosted runners and APIs agree with it.
 */
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { documentText, serviceText, TRUST } from "../lint/breaches.ts";
import { APP_TOKEN, type FakeForge, startFakeForge, TOKEN } from "./fake-forge.ts";

const root = join(import.meta.dirname, "../..");
const step = z.object({
  id: z.string(),
  shell: z.literal("bash"),
  "working-directory": z.string(),
  env: z.record(z.string(), z.string()),
  run: z.string(),
});
const ACTION = z
  .object({
    inputs: z.record(z.string(), z.object({ description: z.string(), default: z.string() })),
    outputs: z.record(z.string(), z.object({ value: z.string() })),
    runs: z.object({ using: z.literal("composite"), steps: z.array(step) }),
  })
  .parse(parse(readFileSync(join(root, "action.yml"), "utf8")));

let forge: FakeForge;
let dir: string;
let clone: string;
beforeEach(async () => {
  forge = await startFakeForge();
  dir = mkdtempSync(join(tmpdir(), "portreeve-ci-"));
  clone = join(dir, "clone");
});
afterEach(async () => {
  await forge.close();
  rmSync(dir, { recursive: true, force: true });
});

const git = (cwd: string, ...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
    cwd,
    encoding: "utf8",
    stdio: "pipe",
  }).trim();

const world =
  TRUST +
  "---\n" +
  serviceText(
    "db",
    "{ protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }",
  ) +
  documentText("Workload", "shop/api", "{ selector: { app: api } }") +
  documentText("Workload", "shop/web", "{ selector: { app: web } }");
const grant = (workload: string): string =>
  documentText("Grant", "api-db", `{ from: { workloads: [${workload}] }, to: { service: db }, owner: shop }`);

interface Request {
  /** The commit that CI checks out: base and head, merged. */
  readonly merge: string;
  readonly base: string;
}

/** A repository with a pull request that changes one grant, while main has gone on; cloned with depth 1 as CI does. */
function openRequest(workload: string, message = "Give the web the database"): Request {
  const [before, after] = [world + grant("shop/api"), world + grant(workload)];
  return openRequestWith({ "policies/p.yaml": before }, { "policies/p.yaml": after }, message);
}

type Files = Readonly<Record<string, string>>;

function openRequestWith(before: Files, after: Files, message: string): Request {
  const origin = join(dir, "origin");
  mkdirSync(origin);
  git(origin, "init", "-q", "-b", "main");
  git(origin, "config", "uploadpack.allowAnySHA1InWant", "true");
  const commit = (files: Files, said: string): string => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(origin, name)), { recursive: true });
      writeFileSync(join(origin, name), text);
    }
    git(origin, "add", ".");
    git(origin, "commit", "-qam", said);
    return git(origin, "rev-parse", "HEAD");
  };
  commit(before, "first");
  git(origin, "checkout", "-q", "-b", "feature");
  commit(after, message);
  git(origin, "checkout", "-q", "main");
  writeFileSync(join(origin, "README.md"), "gone on\n");
  git(origin, "add", ".");
  git(origin, "commit", "-qm", "main goes on");
  const base = git(origin, "rev-parse", "HEAD");
  git(origin, "checkout", "-q", "--detach");
  git(origin, "merge", "-q", "--no-ff", "-m", "Merge feature into main", "feature");
  const merge = git(origin, "rev-parse", "HEAD");
  mkdirSync(clone);
  git(clone, "init", "-q");
  git(clone, "remote", "add", "origin", `file://${origin}`);
  git(clone, "fetch", "-q", "--depth=1", "origin", merge);
  git(clone, "checkout", "-q", "--detach", merge);
  // The project has installed the command.
  const bin = join(clone, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  const main = join(root, "cli/main.ts");
  writeFileSync(
    join(bin, "portreeve"),
    `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${main}' "$@"\n`,
  );
  chmodSync(join(bin, "portreeve"), 0o755);
  return { merge, base };
}

interface Result {
  readonly code: number;
  readonly log: string;
}

function shell(command: string, args: readonly string[], env: Record<string, string>): Promise<Result> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd: clone, env: { PATH: process.env["PATH"] ?? "", HOME: dir, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), log: stdout + stderr }),
    );
  });
}

interface ActionRun extends Result {
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** Runs the action's steps one after the other, with the expressions in their `env` replaced as the runner does. */
async function runAction(
  inputs: Readonly<Record<string, string>>,
  isFork = false,
  token = APP_TOKEN,
  sha = git(clone, "rev-parse", "HEAD"),
): Promise<ActionRun> {
  const values = new Map(
    Object.entries(ACTION.inputs).map(([name, input]) => [`inputs.${name}`, input.default]),
  );
  for (const [name, value] of Object.entries(inputs)) values.set(`inputs.${name}`, value);
  values.set("inputs.token", token);
  values.set("github.base_ref", "main");
  values.set("github.sha", sha);
  values.set("github.event.pull_request.head.repo.fork", String(isFork));
  const files = { GITHUB_OUTPUT: join(dir, "output"), GITHUB_STEP_SUMMARY: join(dir, "summary") };
  writeFileSync(files.GITHUB_STEP_SUMMARY, "");
  writeFileSync(join(dir, "event.json"), JSON.stringify({ number: 7, pull_request: { number: 7 } }));
  let log = "";
  let code = 0;
  for (const { id, run, env } of ACTION.runs.steps) {
    writeFileSync(files.GITHUB_OUTPUT, "");
    const own = Object.entries(env).map(([name, text]): [string, string] => [
      name,
      text.replace(/\$\{\{ ([\w.-]+) \}\}/g, (_, key: string) => {
        const value = values.get(key);
        if (value === undefined) throw new Error(`the test knows no ${key}`);
        return value;
      }),
    ]);
    const result = await shell("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", run], {
      ...Object.fromEntries(own),
      ...files,
      GITHUB_API_URL: forge.origin,
      GITHUB_REPOSITORY: "shop/infra",
      GITHUB_EVENT_PATH: join(dir, "event.json"),
      RUNNER_TEMP: dir,
    });
    log += result.log;
    code = result.code;
    for (const line of readFileSync(files.GITHUB_OUTPUT, "utf8").split("\n").filter(Boolean)) {
      const at = line.indexOf("=");
      values.set(`steps.${id}.outputs.${line.slice(0, at)}`, line.slice(at + 1));
    }
    if (code !== 0) break;
  }
  const outputs = Object.fromEntries(
    Object.entries(ACTION.outputs).map(([name, { value }]) => [
      name,
      values.get(value.replace(/^\$\{\{ | \}\}$/g, "")) ?? "",
    ]),
  );
  return { code, log, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, "utf8") };
}

describe("the action", () => {
  it("puts nothing of a pull request into a script", () => {
    for (const { run } of ACTION.runs.steps) expect(run).not.toContain("${{");
  });

  it.each(["../../outside", "a/b", "-rf", "", "a\nb", "x".repeat(65)])(
    "has no marker %j, and touches no file by it",
    async (marker) => {
      openRequest("shop/web");
      const run = await runAction({ marker });
      expect(run.code).toBe(2);
      expect(run.log).toContain("::error::portreeve: the input marker may hold");
      expect(forge.calls).toEqual([]);
      expect(readdirSync(dirname(dir)).filter((name) => name.startsWith("outside"))).toEqual([]);
    },
    120_000,
  );

  it("tells who gains and who loses in one comment, in the log and in the summary, and nothing that main did", async () => {
    openRequest("shop/web");
    const run = await runAction({});
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ "access-changed": "true" });
    expect(forge.comments).toHaveLength(1);
    const [{ author, body } = { author: "", body: "" }] = forge.comments;
    expect(author).toBe("github-actions[bot]");
    expect(body).toMatch(
      /^<!-- portreeve:access -->\n### Access changes: 1 gained, 1 lost; 1 let somebody reach more\./,
    );
    expect(body).toContain("| 🟢 gains | `shop/web` | `db:5432` | via proxy |");
    expect(body).toContain("| 🔴 loses | `shop/api` | `db:5432` | via proxy |");
    expect(body).toMatch(/`policies\/p\.yaml:\d+:1 Grant\/api-db changed`/);
    expect(run.log).toContain("| 🟢 gains | `shop/web` |");
    expect(run.summary).toContain("| 🟢 gains | `shop/web` |");
    expect(run.log).not.toContain(APP_TOKEN);

    await runAction({});
    expect(forge.comments).toHaveLength(1);
  }, 120_000);

  it("does the same for objects of Istio's public samples, which nobody here wrote", async () => {
    const sample = (name: string): string => readFileSync(join(root, "test/samples/istio", name), "utf8");
    const before = {
      "deploy/tcp-echo.yaml": sample("tcp-echo/tcp-echo.yaml"),
      "deploy/curl.yaml": sample("curl/curl.yaml"),
      "deploy/sleep.yaml": sample("sleep/sleep.yaml"),
      "deploy/namespace.yaml":
        "apiVersion: v1\nkind: Namespace\nmetadata: { name: default, labels: { istio-injection: enabled } }\n",
    };
    const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tcp-policy }
spec:
  selector: { matchLabels: { app: tcp-echo } }
  rules:
    - from: [{ source: { principals: [cluster.local/ns/default/sa/curl] } }]
      to: [{ operation: { ports: ["9000"] } }]
`;
    openRequestWith(before, { "deploy/policy.yaml": policy }, "Only curl, and only 9000");
    const run = await runAction({ policies: "deploy" });
    expect(run.code, run.log).toBe(0);
    const body = forge.comments[0]?.body ?? "";
    expect(body).toMatch(/### Access changes: .*nobody gets more\./);
    expect(body).toContain("| 🟡 changes | `default/sleep` | `default/tcp-echo (TCP 1-65535)` |");
    expect(body).toContain("| 🟡 changes | `default/curl` | `default/tcp-echo (TCP 1-8999,9001-65535)` |");
    expect(body).toContain("deploy/policy.yaml:1:1 AuthorizationPolicy/default/tcp-policy added");
  }, 120_000);

  it("is not led astray by a merge that the pull request's author made, where the branch itself is checked out", async () => {
    const { merge } = openRequest("shop/web");
    const origin = join(dir, "origin");
    // Its first parent has the widening already: compared with that, nothing changes.
    git(origin, "checkout", "-q", "feature");
    git(origin, "merge", "-q", "--no-ff", "-m", "Merge main into feature", "main");
    const own = git(origin, "rev-parse", "HEAD");
    git(clone, "fetch", "-q", "--depth=1", "origin", own);
    git(clone, "checkout", "-q", "--detach", own);
    const run = await runAction({}, false, APP_TOKEN, merge);
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ "access-changed": "true" });
    expect(forge.comments[0]?.body).toContain("| 🟢 gains | `shop/web` | `db:5432` | via proxy |");
  }, 120_000);

  it("begins no comment without an access change", async () => {
    openRequest("shop/web");
    writeFileSync(join(clone, "policies/p.yaml"), `# reformatted\n${world}${grant("shop/api")}`);
    const run = await runAction({});
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ "access-changed": "false" });
    expect(forge.comments).toEqual([]);
  }, 120_000);

  it("fails a widening that nobody acknowledged, and passes one acknowledged in the branch's commit", async () => {
    openRequest("shop/web");
    const run = await runAction({ "require-ack": "true" }, false, TOKEN);
    expect(run.code, run.log).toBe(1);
    expect(forge.comments[0]?.body).toContain("**1 not acknowledged.**");
    rmSync(join(dir, "origin"), { recursive: true });
    rmSync(clone, { recursive: true });
    openRequest("shop/web", "Give the web the database\n\nPortreeve-Ack: api-db");
    const passed = await runAction({ "require-ack": "true" }, false, TOKEN);
    expect(passed.code, passed.log).toBe(0);
    expect(passed.outputs).toMatchObject({ "access-changed": "true" });
  }, 120_000);

  it("calls nobody for a fork or with comment: false, and still reports", async () => {
    openRequest("shop/web");
    for (const run of [await runAction({}, true), await runAction({ comment: "false" })]) {
      expect(run.code, run.log).toBe(0);
      expect(run.summary).toContain("shop/web");
    }
    expect(forge.calls).toEqual([]);
  }, 120_000);

  it("fails when the policies cannot be read, also where an older report lies", async () => {
    openRequest("shop/web");
    await runAction({ comment: "false" });
    writeFileSync(join(clone, "policies/p.yaml"), "apiVersion: portreeve.dev/v1\nkind: [");
    const run = await runAction({});
    expect(run.code).toBe(2);
    expect(run.log).toMatch(/policies\/p\.yaml:2:\d+: error PR1/);
    expect(forge.comments).toEqual([]);
  }, 120_000);
});

describe("the GitLab template", () => {
  const template = z
    .object({
      variables: z.record(z.string(), z.string()),
      "portreeve-access": z.object({ script: z.array(z.string()) }),
    })
    .parse(parse(readFileSync(join(root, "ci-templates/gitlab.yml"), "utf8")));
  const script = template["portreeve-access"].script.join("\n");
  const run = ({ base }: Request, env: Record<string, string> = {}) =>
    shell("sh", ["-ec", script], {
      ...template.variables,
      GITLAB_CI: "true",
      CI_PROJECT_ID: "42",
      CI_MERGE_REQUEST_IID: "7",
      CI_MERGE_REQUEST_DIFF_BASE_SHA: base,
      CI_API_V4_URL: `${forge.origin}/api/v4`,
      GITLAB_TOKEN: TOKEN,
      ...env,
    });

  it("writes one note, and brings it up to date", async () => {
    const request = openRequest("shop/web");
    const first = await run(request);
    expect(first.code, first.log).toBe(0);
    expect((await run(request)).log).toContain("comment: unchanged");
    expect(forge.comments).toHaveLength(1);
    expect(forge.comments[0]?.body).toContain("| 🟢 gains | `shop/web` | `db:5432` | via proxy |");
    expect(forge.calls.at(-1)?.headers["private-token"]).toBe(TOKEN);
    expect(first.log).toContain("🔴 loses");
    expect((await run(request, { PORTREEVE_REQUIRE_ACK: "true" })).code).toBe(1);
  }, 120_000);

  it("without a token writes the report alone", async () => {
    const { code, log } = await run(openRequest("shop/web"), { GITLAB_TOKEN: "" });
    expect(code, log).toBe(0);
    expect(log).toContain("🟢 gains");
    expect(forge.calls).toEqual([]);
  }, 120_000);
});
