/** Databases and tools of the system: from PATH, else installed from the distribution's packages when we are root. */
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { installBlocked, installPackages } from "../debian.ts";
import { onPath, output, versionIn } from "../machine.ts";
import type { Recipe } from "../part.ts";

interface SystemProgram {
  readonly command: string;
  readonly title: string;
  /** The Debian packages that bring the command and what is used beside it. */
  readonly packages: readonly string[];
  /** Asked for the version. */
  readonly versionFlag: string;
  readonly cost: Recipe["cost"];
  /** Folders off PATH where distributions put it; they go first, since its siblings are beside it there. */
  readonly folders?: () => readonly string[];
}

function systemProgram(name: string, program: SystemProgram): Recipe {
  const find = () => {
    const path = onPath(program.command, [
      ...(program.folders?.() ?? []),
      ...(process.env.PATH ?? "").split(delimiter),
      "/usr/sbin",
      "/sbin",
    ]);
    if (path === undefined) return undefined;
    return { path, version: versionIn(output(path, [program.versionFlag])) ?? "unknown" };
  };
  return {
    name,
    title: program.title,
    version: "the distribution's",
    source: `Debian package ${program.packages.join(", ")}`,
    // Nothing is kept in the cache: the package manager owns the files.
    main: "",
    cost: program.cost,
    lock: [],
    fingerprint: () => "",
    find,
    blocked: () => installBlocked(program.packages),
    make: (_into, report) => installPackages(program.packages, report),
  };
}

/** Debian keeps PostgreSQL's server programs off PATH, in one folder per major version. */
function postgresFolders(): string[] {
  const base = "/usr/lib/postgresql";
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(base, version, "bin"));
}

export const postgres = systemProgram("postgres", {
  command: "initdb",
  title: "PostgreSQL (client speaks first)",
  packages: ["postgresql"],
  versionFlag: "--version",
  cost: { seconds: 30, megabytes: 60 },
  folders: postgresFolders,
});

export const redis = systemProgram("redis", {
  command: "redis-server",
  title: "Redis",
  packages: ["redis-server"],
  versionFlag: "--version",
  cost: { seconds: 15, megabytes: 10 },
});

export const mariadb = systemProgram("mariadb", {
  command: "mariadbd",
  title: "MariaDB (server speaks first)",
  packages: ["mariadb-server"],
  versionFlag: "--version",
  cost: { seconds: 40, megabytes: 190 },
});

export const nats = systemProgram("nats", {
  command: "nats-server",
  title: "NATS (server speaks first)",
  packages: ["nats-server"],
  versionFlag: "--version",
  cost: { seconds: 10, megabytes: 15 },
});

export const nft = systemProgram("nft", {
  command: "nft",
  title: "nftables (redirection into sidecars)",
  packages: ["nftables"],
  versionFlag: "--version",
  cost: { seconds: 10, megabytes: 2 },
});

export const ip = systemProgram("ip", {
  command: "ip",
  title: "iproute2 (network namespaces)",
  packages: ["iproute2"],
  versionFlag: "-V",
  cost: { seconds: 10, megabytes: 4 },
});

export const buildah = systemProgram("buildah", {
  command: "buildah",
  title: "buildah (the proxy's image, without a daemon)",
  packages: ["buildah"],
  versionFlag: "--version",
  cost: { seconds: 30, megabytes: 80 },
});

export const runc = systemProgram("runc", {
  command: "runc",
  title: "runc (runs the proxy's image)",
  packages: ["runc"],
  versionFlag: "--version",
  cost: { seconds: 10, megabytes: 12 },
});

export const promtool = systemProgram("promtool", {
  command: "promtool",
  title: "promtool (unit tests of the alerts)",
  packages: ["prometheus"],
  versionFlag: "--version",
  cost: { seconds: 40, megabytes: 220 },
});

export const curl = systemProgram("curl", {
  command: "curl",
  title: "curl (a stock client of the shared port)",
  packages: ["curl"],
  versionFlag: "--version",
  cost: { seconds: 10, megabytes: 2 },
});

export const socat = systemProgram("socat", {
  command: "socat",
  title: "socat (a stock client of the shared port)",
  packages: ["socat"],
  versionFlag: "-V",
  cost: { seconds: 10, megabytes: 2 },
});

export const chromium = systemProgram("chromium", {
  command: "chromium",
  title: "Chromium (pages that graphs are)",
  packages: ["chromium"],
  versionFlag: "--version",
  cost: { seconds: 60, megabytes: 400 },
});
