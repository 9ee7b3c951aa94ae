/**
 * An isolated Pulumi: real CLI and engine, own home, own file backend, and on its PATH the project's Node and (unless
 * told otherwise) the stand-in providers. Stacks run from an inline program or from a project folder.
 */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { LocalWorkspace, PulumiCommand, type PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { parts } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import { type TestStack, wrapStack } from "./pulumi-stack.ts";
import { openScope, type Scope } from "./scope.ts";

export type { Change, StackResource, TestStack } from "./pulumi-stack.ts";

export interface PulumiOptions {
  /**
   * `stand-in`: the test harness's own providers for kubernetes and aws. `real`: whatever the Pulumi CLI finds or gets.
   * @default "stand-in"
   */
  readonly providers?: "stand-in" | "real";
  /** Added to the environment of the engine, the language host and the providers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Language hosts besides inline programs. @default ["nodejs"] */
  readonly languages?: readonly ("nodejs" | "yaml")[];
}

export interface PulumiEnvironment {
  readonly dir: string;
  /** Where the commands are: `pulumi`, language hosts, stand-ins, `node`. */
  readonly bin: string;
  /** Set these for any process that shall use this Pulumi. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs the CLI in a folder; resolves with its stdout, rejects with its last lines. */
  readonly cli: (cwd: string, args: readonly string[]) => Promise<string>;
  /** A stack from a function in this process. @default stack "test" */
  readonly inline: (project: string, program: PulumiFn, stack?: string) => Promise<TestStack>;
  /** A stack from a folder with a Pulumi.yaml. @default stack "test" */
  readonly folder: (workDir: string, stack?: string) => Promise<TestStack>;
  readonly close: () => Promise<void>;
}

const repository = join(import.meta.dirname, "../..");

/** The two packages for which there is a stand-in. */
const STAND_INS = ["kubernetes", "aws"] as const;

export async function openPulumi(options: PulumiOptions = {}): Promise<PulumiEnvironment> {
  const languages = options.languages ?? ["nodejs"];
  const needed = await parts("pulumi", ...languages.map((l) => `pulumi-language-${l}` as const));
  const scope = await openScope("pulumi");
  const bin = makeBin(
    scope,
    Object.values(needed).map((p) => p.path),
  );
  if ((options.providers ?? "stand-in") === "stand-in") for (const name of STAND_INS) writeStandIn(bin, name);
  for (const folder of ["home", "state", "store"]) mkdirSync(join(scope.dir, folder));
  const env: Record<string, string> = {
    PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
    PULUMI_HOME: join(scope.dir, "home"),
    PULUMI_BACKEND_URL: `file://${join(scope.dir, "state")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: options.providers === "real" ? "false" : "true",
    // The person's own Pulumi and AWS accounts are none of a test's business.
    PULUMI_ACCESS_TOKEN: "",
    AWS_EC2_METADATA_DISABLED: "true",
    // Where the AWS stand-in keeps what the emulator cannot.
    PORTREEVE_STAND_IN_STORE: join(scope.dir, "store"),
    ...options.env,
  };
  const command = await PulumiCommand.get({ root: scope.dir, skipVersionCheck: true });
  const workspace = { envVars: env, pulumiHome: join(scope.dir, "home"), pulumiCommand: command };
  return {
    dir: scope.dir,
    bin,
    env,
    cli: (cwd, args) => run(join(bin, "pulumi"), [...args, "--non-interactive"], { cwd, env }),
    inline: async (projectName, program, stackName = "test") =>
      wrapStack(await LocalWorkspace.createOrSelectStack({ projectName, stackName, program }, workspace)),
    folder: async (workDir, stackName = "test") =>
      wrapStack(await LocalWorkspace.createOrSelectStack({ workDir, stackName }, workspace)),
    close: scope.stop,
  };
}

/** One folder with the commands by their names, whatever they are called where they come from. */
function makeBin(scope: Scope, commands: readonly string[]): string {
  const bin = join(scope.dir, "bin");
  mkdirSync(bin);
  for (const path of commands) symlinkSync(path, join(bin, path.split("/").at(-1) ?? ""));
  symlinkSync(process.execPath, join(bin, "node"));
  return bin;
}

/** A provider plugin is an executable on PATH with this name; ours is TypeScript that Node runs as it is. */
function writeStandIn(bin: string, name: (typeof STAND_INS)[number]): void {
  const main = join(repository, "test/stand-in", name, "main.ts");
  const file = join(bin, `pulumi-resource-${name}`);
  writeFileSync(
    file,
    `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${main}'\n`,
  );
  chmodSync(file, 0o755);
}
