import { randomBytes } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CliError } from "../exit.ts";

/** Permissions say nothing on Windows; there the profile's own access list keeps others out. */
const POSIX = process.platform !== "win32";
const OTHERS_READ = 0o077;
const OTHERS_WRITE = 0o022;

/**
 * Writes a file that only its owner can read, in a folder that only its owner can enter: whole or not at all, so that a
 * reader in another process never sees half of it.
 */
export function writePrivateFile(path: string, text: string): void {
  const dir = dirname(path);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (POSIX) chmodSync(dir, 0o700);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new CliError(`${path} cannot be written: ${messageOf(cause)}`, undefined, { cause });
  }
}

/**
 * Reads such a file; `undefined` when there is none.
 *
 * @param what of others is refused: reading what is secret, or writing what is trusted
 * @throws CliError when others could, or it is no ordinary file of this user
 */
export function readPrivateFile(path: string, what: "secret" | "trusted"): string | undefined {
  try {
    const { mode, uid } = checked(path);
    if (POSIX) {
      const refused = what === "secret" ? OTHERS_READ : OTHERS_WRITE;
      if ((mode & refused) !== 0) {
        const others = what === "secret" ? "read it" : "change it";
        throw new CliError(
          `${path}: other users of this machine can ${others}, so it is not used. Run: chmod 600 ${path}`,
        );
      }
      const me = process.getuid?.();
      if (me !== undefined && uid !== me)
        throw new CliError(`${path} belongs to another user, so it is not used.`);
    }
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    if (isMissing(cause)) return undefined;
    throw new CliError(`${path} cannot be read: ${messageOf(cause)}`, undefined, { cause });
  }
}

function checked(path: string): { readonly mode: number; readonly uid: number } {
  const found = lstatSync(path);
  // A link could be pointed anywhere by whoever owns the folder that it leads to.
  if (!found.isFile()) throw new CliError(`${path} is not an ordinary file, so it is not used.`);
  return found;
}

/** True for the error of a file or folder that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
