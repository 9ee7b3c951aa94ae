/** Commands of a page, run as a reader would: in bash, with `portreeve` on the PATH. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT } from "./markdown.ts";

/** Settings of whoever runs the tests must not show in what is printed. */
const GIT_ENV = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "t",
  GIT_AUTHOR_EMAIL: "t@example.com",
  GIT_COMMITTER_NAME: "t",
  GIT_COMMITTER_EMAIL: "t@example.com",
  GIT_AUTHOR_DATE: "2026-06-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2026-06-01T00:00:00Z",
};

export class Shell {
  readonly home: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "portreeve-pages-"));
    const bin = join(this.home, "bin");
    mkdirSync(bin);
    const command = join(bin, "portreeve");
    writeFileSync(
      command,
      `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${ROOT}/cli/main.ts" "$@"\n`,
    );
    chmodSync(command, 0o755);
    const PATH = `${bin}${delimiter}${process.env["PATH"]}`;
    this.#env = { ...process.env, ...GIT_ENV, PATH, NO_COLOR: "1", TZ: "UTC" };
  }

  run(command: string, cwd: string): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", command], {
      cwd,
      encoding: "utf8",
      env: this.#env,
    });
    return { status, output: `${stdout}\n${stderr}` };
  }

  git(cwd: string, ...args: string[]): void {
    execFileSync("git", args, { cwd, env: this.#env });
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
