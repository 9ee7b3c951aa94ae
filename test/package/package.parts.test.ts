/**
 * The published package as a stranger meets it: packed, installed into an empty program, used by `import` and by
 * `require`, with its types. Proves nothing about other package managers than npm.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const node = process.execPath;
const PATH = `${dirname(node)}:${join(root, "node_modules/.bin")}:${process.env.PATH ?? ""}`;
let dir: string;
let tarball: string;
let program: string;

function run(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: "utf8",
      env: { ...process.env, PATH },
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-package-"));
  run("npm", ["pack", "--pack-destination", dir], root);
  tarball = join(dir, readdirSync(dir).find((file) => file.endsWith(".tgz")) ?? "");
  program = join(dir, "program");
  mkdirSync(program);
  writeFileSync(
    join(program, "package.json"),
    JSON.stringify({ name: "empty-program", private: true, type: "module" }),
  );
  run(
    "npm",
    [
      "install",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      tarball,
      "@pulumi/pulumi@3.270.0",
      "@pulumi/kubernetes@4.34.2",
    ],
    program,
  );
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("the packed package", () => {
  it("ships compiled code, types, schemas and the licence, and no sources or tests", () => {
    const files = run("tar", ["-tzf", tarball], dir)
      .split("\n")
      .filter((line) => line !== "");
    const has = (name: string) => files.includes(`package/${name}`);
    for (const name of [
      "dist/components/index.js",
      "dist/components/index.d.ts",
      "dist/policy/index.js",
      "dist/testing/index.js",
      "dist/cli/main.js",
      "dist/provider/main.js",
      "schemas/policy.schema.json",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "PulumiPlugin.yaml",
      "docs/first-day.md",
      "examples/proxy/proxy.yaml",
      "examples/recipes/redis/policies/access.test.yaml",
    ]) {
      expect(has(name), name).toBe(true);
    }
    expect(
      files.filter((file) =>
        /\.test\.(?!yaml$)|(?<!\.d)\.ts$|testdata|node_modules|\.key$|proxy\/dev\//.test(file),
      ),
    ).toEqual([]);
  });

  it("is loaded by import and by require, with one and the same classes", () => {
    writeFileSync(
      join(program, "esm.mjs"),
      'import { AccessPlane } from "portreeve"; import { loadModel } from "portreeve/policy"; import { expect } from "portreeve/testing"; console.log(typeof AccessPlane, typeof loadModel, typeof expect);',
    );
    writeFileSync(
      join(program, "cjs.cjs"),
      'const { AccessPlane } = require("portreeve"); const { loadModel } = require("portreeve/policy"); import("portreeve").then((m) => console.log(m.AccessPlane === AccessPlane, typeof loadModel));',
    );
    expect(run(node, ["esm.mjs"], program).trim()).toBe("function function function");
    expect(run(node, ["--no-warnings", "cjs.cjs"], program).trim()).toBe("true function");
  });

  it("has types for both module systems, checked by the compiler in strict mode without skipping libraries of ours", () => {
    const source = `
      import { AccessPlane, TcpService } from "portreeve";
      import { service, type Model } from "portreeve/policy";
      import { expect } from "portreeve/testing";
      export const make = () => new AccessPlane("x", { policies: "policies" }).policyDigest;
      export const document = service("db", { protocol: "postgres", ports: [5432], location: { type: "external" } });
      // @ts-expect-error: a protocol that does not exist is an error already in the editor
      export const wrong = service("db", { protocol: "postgras", ports: [5432], location: { type: "external" } });
      export const check = (model: Model) => expect(model).service("db").toBeOnlyReachableBy([]);
      export type Verb = TcpService["allowFrom"];`;
    writeFileSync(join(program, "use.mts"), source);
    writeFileSync(join(program, "use.cts"), source);
    writeFileSync(
      join(program, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2023",
          strict: true,
          skipLibCheck: true,
          noEmit: true,
          types: [],
        },
        files: ["use.mts", "use.cts"],
      }),
    );
    run(node, [join(root, "node_modules/typescript/bin/tsc"), "-p", program], program);
  });

  it("has types for the classic resolution that `pulumi new` sets a program up with", () => {
    writeFileSync(
      join(program, "classic.ts"),
      `import { AccessPlane } from "portreeve";
       import { service } from "portreeve/policy";
       import { expect } from "portreeve/testing";
       export const used = [AccessPlane, service, expect];
       // @ts-expect-error: found, and not any
       export const wrong: string = service("db", { protocol: "postgres", ports: [5432], location: { type: "external" } });`,
    );
    writeFileSync(
      join(program, "tsconfig.classic.json"),
      JSON.stringify({
        compilerOptions: {
          module: "commonjs",
          moduleResolution: "node10",
          ignoreDeprecations: "6.0",
          target: "es2020",
          strict: true,
          skipLibCheck: true,
          noEmit: true,
          types: [],
        },
        files: ["classic.ts"],
      }),
    );
    const config = join(program, "tsconfig.classic.json");
    run(node, [join(root, "node_modules/typescript/bin/tsc"), "-p", config], program);
  });

  it("runs its command", () => {
    const bin = join(program, "node_modules/.bin/portreeve");
    expect(run(bin, ["--version"], program).trim()).toBe(
      JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version,
    );
    expect(run(bin, ["--help"], program)).toMatch(/lint/);
  });

  it("satisfies publint and attw", () => {
    run(join(root, "node_modules/.bin/publint"), ["--strict", tarball], root);
    run(join(root, "node_modules/.bin/attw"), [tarball], root);
  });

  it("tells in one sentence what is missing when the optional AWS package is needed and not there", () => {
    const policies = join(program, "policies");
    cpSync(join(root, "examples/orders/policies"), policies, { recursive: true });
    writeFileSync(
      join(program, "aws.mjs"),
      `import * as pulumi from "@pulumi/pulumi";
       pulumi.runtime.setMocks({ newResource: (a) => ({ id: a.name, state: a.inputs }), call: (a) => a.inputs }, "p", "s", true);
       const { AccessPlane } = await import("portreeve");
       const refs = { ordersDbEndpoint: "h.example.com", ordersDbResourceId: "cluster-A", ordersDbSecurityGroup: "sg-1", nodeSecurityGroup: "sg-2" };
       try { new AccessPlane("x", { policies: "policies", cluster: "use1", refs }); console.log("made"); }
       catch (error) { console.log(error.message); }`,
    );
    expect(run(node, ["aws.mjs"], program)).toMatch(/npm install @pulumi\/aws/);
  });
});
