import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-admin-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const module = fileURLToPath(new URL("./http.ts", import.meta.url));
const run = promisify(execFile);

/** In a process of its own: a thread may not change what a process gives new files. Under Bun: `survive-operations`. */
function inProcess(program: string): Promise<{ stdout: string }> {
  const begin = `
    import { statSync } from "node:fs";
    import { openAdmin } from ${JSON.stringify(module)};
    const socket = ${JSON.stringify(join(dir, "admin.sock"))};
    const modeOf = () => (statSync(socket).mode & 0o777).toString(8);
    process.umask(0);`;
  return run(process.execPath, ["--input-type=module", "--eval", begin + program]);
}

test("the admin socket is its owner's alone from the moment that it is there", async () => {
  const { stdout } = await inProcess(`
    const opening = openAdmin({}, { socket });
    const first = modeOf();
    const server = await opening;
    console.log(first, modeOf(), process.umask().toString(8));
    server.close();`);
  expect(stdout.trim()).toBe("600 600 0");
});

test("a socket that an earlier process left is bound anew; a file of somebody else's stays", async () => {
  await inProcess("await openAdmin({}, { socket }); process.exit(0);");
  await inProcess("await openAdmin({}, { socket }); process.exit(0);");
  rmSync(join(dir, "admin.sock"));
  writeFileSync(join(dir, "admin.sock"), "kept");
  await expect(inProcess("await openAdmin({}, { socket });")).rejects.toThrow("is there, and is no socket");
  expect(readFileSync(join(dir, "admin.sock"), "utf8")).toBe("kept");
});
