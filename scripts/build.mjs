// `npm run build`, and what `npm ci` runs at its end: compiles to dist/ and links `portreeve` into node_modules/.bin,
// so that `npx portreeve …` in a clone runs the built command. Plain JavaScript, because it also has to run on Node 20.
//
// With `--if-changed` nothing is done where nothing changed since: npm prepares a clone anew when somebody types `npx portreeve` in it,
// who would otherwise wait for a compiler that says nothing, while dist/ is gone for everybody else.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const projects = ["tsconfig.build.json", "cli/graph/page/tsconfig.json", "cli/ui/page/tsconfig.json"];
// Outside of dist/, which is what is published.
const stamp = join(root, "node_modules/.portreeve-built");
if (process.argv.includes("--if-changed") && isBuilt()) process.exit(0);

const tsc = join(root, "node_modules/typescript/bin/tsc");
if (!existsSync(tsc)) {
  console.error(
    "portreeve: TypeScript is not installed; run `npm ci` (with development dependencies) first.",
  );
  process.exit(1);
}
rmSync(stamp, { force: true });
rmSync(join(root, "dist"), { recursive: true, force: true });
const begun = Date.now();
// All but the first are scripts of pages, which run in a browser.
for (const project of projects) {
  execFileSync(process.execPath, [tsc, "-p", join(root, project)], { stdio: "inherit", cwd: root });
}

link("../../dist/cli/main.js", "node_modules/.bin/portreeve");
chmodSync(join(root, "dist/cli/main.js"), 0o755);
// What was changed while the compiler ran may not be in what it wrote.
writeFileSync(stamp, String(begun));

function isBuilt() {
  if (!existsSync(stamp) || !existsSync(join(root, "dist/cli/main.js"))) return false;
  const { include } = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8"));
  const built = Number(readFileSync(stamp, "utf8"));
  const sources = ["scripts/build.mjs", "tsconfig.json", "package-lock.json", ...projects, ...include];
  return sources.every((name) => newest(join(root, name)) < built);
}

/** When the latest change below a path was; a folder changes when a file in it goes. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== "node_modules");
  return Math.max(stat.mtimeMs, ...names.map((name) => newest(join(path, name))));
}

function link(target, name) {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true, recursive: false });
  symlinkSync(target, path);
}
