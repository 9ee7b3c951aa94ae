import { rmSync } from "node:fs";
import { join } from "node:path";
import { portreeveHome } from "../home.ts";
import { readPrivateFile, writePrivateFile } from "../private-file.ts";
import type { CredentialStore } from "./stored.ts";

/** A file for each context, 0600 in a folder of 0700. */
export function fileStore(): CredentialStore {
  const dir = join(portreeveHome(), "credentials");
  const pathOf = (context: string): string => join(dir, `${context}.json`);
  return {
    what: `files in ${dir}`,
    read: (context) => readPrivateFile(pathOf(context), "secret"),
    write: (context, text) => writePrivateFile(pathOf(context), text),
    remove: (context) => rmSync(pathOf(context), { force: true }),
  };
}
