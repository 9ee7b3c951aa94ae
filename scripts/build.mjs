// `npm run build`, and what `npm ci` runs at its end: compiles to dist/ and links `portreeve` into node_modules/.bin,
// so that `npx portreeve …` in a clone runs the built command. Plain JavaScript, because it also has to run on Node 20.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(root, "node_modules/typescript/bin/tsc");
if (!existsSync(tsc)) {
  console.error(
    "portreeve: TypeScript is not installed; run `npm ci` (with development dependencies) first.",
  );
  process.exit(1);
}
rmSync(join(root, "dist"), { recursive: true, force: true });
// All but the first are scripts of pages, which run in a browser.
for (const project of ["tsconfig.build.json", "cli/graph/page/tsconfig.json", "cli/ui/page/tsconfig.json"]) {
  execFileSync(process.execPath, [tsc, "-p", join(root, project)], { stdio: "inherit", cwd: root });
}

link("../../dist/cli/main.js", "node_modules/.bin/portreeve");
chmodSync(join(root, "dist/cli/main.js"), 0o755);

function link(target, name) {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true, recursive: false });
  symlinkSync(target, path);
}
