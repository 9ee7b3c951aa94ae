/**
 * Lists what the image holds, as CycloneDX 1.6: `bun sbom.ts ROOT METAFILE [LINKED] > sbom.cdx.json`, run by `build-image.sh`.
 * The packages that are bundled are those that the bundler says it read; the crates in the rustls library are those that its
 * build lists (LINKED); a library of the system is named by its Debian package where there is one. Without a time or a random number: the same image has the same list.
 *
 * Not listed: what is linked into Bun itself (JavaScriptCore, BoringSSL and others), which Bun's releases name.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";

interface Component {
  readonly type: "application" | "library";
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly unknown[];
  readonly hashes?: readonly { readonly alg: "SHA-256"; readonly content: string }[];
  /** Where in the image. */
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const [root, metafile, linked] = process.argv.slice(2);
if (root === undefined || metafile === undefined) throw new Error("usage: sbom.ts ROOT METAFILE [LINKED]");
const repository = join(import.meta.dirname, "..");

const own = manifestOf(repository);
const components = [
  ...bundledPackages(metafile),
  ...(linked === undefined ? [] : linkedPackages(linked)),
  ...files(root).flatMap((path) => componentOf(root, path)),
];
const sbom = {
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  version: 1,
  metadata: {
    component: {
      type: "container",
      name: "portreeve-proxy",
      version: own.version,
      ...licenceOf(own),
    },
  },
  components: components.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
};
process.stdout.write(`${JSON.stringify(sbom, undefined, 2)}\n`);

function keyOf({ purl, name, properties }: Component): string {
  return `${purl ?? name} ${properties?.[0]?.value ?? ""}`;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function licenceOf({ license }: { readonly license?: string | undefined }): Pick<Component, "licenses"> {
  return license === undefined ? {} : { licenses: [{ expression: license }] };
}

/** Packages of which at least one file is in the bundle. */
function bundledPackages(file: string): Component[] {
  const { inputs } = JSON.parse(readFileSync(file, "utf8")) as { inputs: Record<string, unknown> };
  const folders = Object.keys(inputs).flatMap((path) => {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
    return found?.[1] === undefined ? [] : [found[1]];
  });
  return [...new Set(folders)].map((folder) => {
    const manifest = manifestOf(join(repository, folder.slice(folder.indexOf("node_modules"))));
    const { name, version } = manifest;
    return {
      type: "library",
      name,
      version,
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      ...licenceOf(manifest),
    };
  });
}

/** What is linked into the rustls library, as `rustls/build.sh` lists it: package URL, tab, licence. */
function linkedPackages(file: string): Component[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [, purl, name, version, license] = /^(pkg:.*\/([^/@]+)@([^\t]+))\t(.+)$/.exec(line) ?? [];
    if (purl === undefined || name === undefined || version === undefined)
      throw new Error(`${file} has a line that is not "package URL, tab, licence": ${line}`);
    return { type: "library", name, version, purl, ...licenceOf({ license }) };
  });
}

/** Regular files below a folder, by their path in the image. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/")}`);
}

function componentOf(folder: string, path: string): Component[] {
  const found = {
    hashes: [{ alg: "SHA-256" as const, content: sha256(join(folder, path)) }],
    properties: [{ name: "portreeve:path", value: path }],
  };
  if (path.startsWith("/etc/")) return [];
  if (path === "/usr/local/bin/bun") {
    const version = process.versions["bun"] ?? "unknown";
    return [
      { type: "application", name: "bun", version, purl: `pkg:github/oven-sh/bun@bun-v${version}`, ...found },
    ];
  }
  if (path === "/usr/lib/portreeve/libportreeve_rustls.so")
    return [{ type: "library", name: "portreeve_rustls", version: own.version, ...licenceOf(own), ...found }];
  if (path.startsWith("/app/"))
    return [
      { type: "application", name: "portreeve-proxy", version: own.version, ...licenceOf(own), ...found },
    ];
  const name = path.slice(path.lastIndexOf("/") + 1);
  return [{ type: "library", name, ...debianPackage(path), ...found }];
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** The package that a library of this machine belongs to; nothing where there is no dpkg, or it does not know the file. */
function debianPackage(path: string): Pick<Component, "version" | "purl"> {
  const real = realpathSync(path);
  // Where /lib is a link to /usr/lib, a package may have either name.
  for (const candidate of [real, path, real.replace(/^\/usr/, "")]) {
    const owner = dpkg("-S", candidate)?.split(":")[0];
    const version = owner && dpkg("-W", "-f", "${Version}", owner);
    if (!owner || !version) continue;
    const distribution = /^ID=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "debian";
    return { version, purl: `pkg:deb/${distribution}/${owner}@${encodeURIComponent(version)}` };
  }
  return {};
}

function dpkg(...args: readonly string[]): string | undefined {
  try {
    return execFileSync("dpkg-query", [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}
