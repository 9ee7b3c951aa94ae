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
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  stdio: "inherit",
  cwd: root,
});

const main = join(root, "dist/cli/main.js");
if (existsSync(main)) {
  chmodSync(main, 0o755);
  const link = join(root, "node_modules/.bin/portreeve");
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync("../../dist/cli/main.js", link);
}
