import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hasApt, unpackPackage } from "../debian.ts";
import { goProgram } from "../go.ts";
import { atLeast, onPath, output, versionIn } from "../machine.ts";
import type { Found, Recipe } from "../part.ts";

function etcdOnPath(): Found | undefined {
  const path = onPath("etcd");
  const version = path === undefined ? undefined : versionIn(output(path, ["--version"]));
  return path && version && atLeast(version, "3.4.0") ? { path, version } : undefined;
}

const built = goProgram({
  name: "etcd",
  title: "etcd, the API server's store",
  version: "3.7.3",
  lock: "etcd",
  package: ".",
  cost: { seconds: 60, megabytes: 22 },
  find: etcdOnPath,
});

/** Debian's package needs no build; where there is no apt, the Go module is built. */
const packaged: Recipe = {
  ...built,
  version: "3.4",
  source: "Debian package etcd-server",
  cost: { seconds: 5, megabytes: 22 },
  lock: [],
  fingerprint: () => "etcd-server",
  blocked: () => undefined,
  make: async (into, report) => {
    await unpackPackage("etcd-server", into, report);
    mkdirSync(join(into, "bin"));
    symlinkSync("../usr/bin/etcd", join(into, "bin/etcd"));
  },
};

export const etcd: Recipe = hasApt() ? packaged : built;
