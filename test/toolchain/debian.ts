/** Programs from the distribution's packages: unpacked into the cache, or installed for the machine when we are root. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRoot, onPath, output } from "./machine.ts";
import type { Report } from "./part.ts";
import { run } from "./run.ts";

const LISTS = "/var/lib/apt/lists";
const QUIET = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };

export const hasApt = (): boolean => onPath("apt-get") !== undefined && onPath("dpkg-deb") !== undefined;

/** Downloads one package and unpacks it into a folder; nothing is installed, no root needed. */
export async function unpackPackage(name: string, into: string, report: Report): Promise<void> {
  await refreshLists(name, report);
  const folder = mkdtempSync(join(tmpdir(), "portreeve-deb-"));
  try {
    await run("apt-get", ["download", name], { cwd: folder, env: QUIET, onLine: report });
    const file = readdirSync(folder).find((f) => f.endsWith(".deb"));
    if (file === undefined) throw new Error(`apt-get download ${name} left no package behind`);
    await run("dpkg-deb", ["-x", join(folder, file), into]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const POLICY = "/usr/sbin/policy-rc.d";

/** `apt-get install` as root, with the packages' own services kept from starting: tests start what they need. */
export async function installPackages(names: readonly string[], report: Report): Promise<void> {
  await refreshLists(names[0] ?? "", report);
  const guard = !existsSync(POLICY);
  if (guard) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await run(
      "apt-get",
      ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", ...names],
      {
        env: QUIET,
        onLine: report,
      },
    );
  } finally {
    if (guard) rmSync(POLICY, { force: true });
  }
}

/** Why these packages cannot be installed here; `undefined` when they can. */
export function installBlocked(names: readonly string[]): string | undefined {
  const what = names.join(" ");
  if (!hasApt()) return `not on PATH; install it (Debian and Ubuntu call it ${what})`;
  if (!isRoot) return `not on PATH; install it: sudo apt-get install ${what}`;
  return undefined;
}

/** A fresh image has no package lists: then, and only then, they are fetched. */
async function refreshLists(name: string, report: Report): Promise<void> {
  if (
    existsSync(LISTS) &&
    (output("apt-cache", ["show", "--no-all-versions", name])?.includes("Filename:") ?? false)
  )
    return;
  if (!isRoot) throw new Error(`apt knows no package ${name}: run \`sudo apt-get update\` first`);
  await run("apt-get", ["update"], { env: QUIET, onLine: report });
}
