import { execFileSync } from "node:child_process";
import { MAX_FILE_BYTES, type PolicyFile } from "../../policy/load/files.ts";
import { CliError } from "../exit.ts";

/** `REF:PATH`: a file or folder as a commit has it. */
export interface GitSide {
  readonly ref: string;
  readonly path: string;
}

/** Reads `REF:PATH`; undefined for text of another form. A drive letter is no ref. */
export function parseGitSide(text: string): GitSide | undefined {
  const colon = text.indexOf(":");
  if (colon < 1 || text.startsWith("-") || /^[a-z]:[\\/]/i.test(text)) return undefined;
  return { ref: text.slice(0, colon), path: text.slice(colon + 1).replace(/\/+$/, "") };
}

const READ_AT_ONCE = 256 * 1024 * 1024;
/** git's file mode of a symbolic link. */
const LINK = "120000";
const DEFAULT_NAMES = /(?<!\.test)\.(ya?ml|json)$/;

/**
 * The policy files of a commit, read from git's own store: the work tree is neither looked at nor touched. Paths are from
 * the top of the repository, or with `./` from the current folder, as in `git show`.
 *
 * @throws CliError when there is no such commit or path, or it holds no policy file.
 */
export function readGitSide({ ref, path }: GitSide): PolicyFile[] {
  const commit = git(["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], () =>
    inRepository()
      ? `git knows no commit "${ref}"${/[~^@]/.test(ref) ? "; a shallow clone has only the newest (git fetch --unshallow)" : `; in CI, fetch it first (git fetch origin ${ref})`}`
      : `"${ref}:${path}" is no file or folder, and this is no git repository to look the ref up in`,
  ).trim();
  const object = git(["rev-parse", "--verify", "--quiet", `${commit}:${path}`], () => {
    return `${ref} has no "${path}"; paths are from the top of the repository, or from here with ./`;
  }).trim();
  const shown = (inner: string): string =>
    inner === "" ? `${ref}:${path}` : `${ref}:${path === "" ? "" : `${path}/`}${inner}`;
  if (git(["cat-file", "-t", object]).trim() === "blob") {
    return [{ name: shown(""), text: textOf(shown(""), gitBytes(["cat-file", "blob", object])) }];
  }
  // Without --full-tree git keeps what is below the current folder only, and names it from there: part of the policies.
  const found = git(["ls-tree", "--full-tree", "-r", "-l", "-z", object])
    .split("\0")
    .flatMap((line) => {
      const [, mode, type, id = "", size, name = ""] = /^(\d+) (\w+) (\w+) +(\S+)\t(.*)$/s.exec(line) ?? [];
      const hidden = name.split("/").some((part) => part.startsWith(".") || part === "node_modules");
      // In a folder links are followed; to pass one over here could lose a deny.
      if (mode === LINK && !hidden) {
        throw new CliError(
          `${shown(name)} is a link, which is not followed in a commit: compare a checkout of it`,
        );
      }
      return type === "blob" && !hidden && DEFAULT_NAMES.test(name) ? [{ id, name, size: Number(size) }] : [];
    });
  if (found.length === 0) throw new CliError(`${shown("")} holds no *.yaml, *.yml or *.json file`);
  const large = found.find(({ size }) => size > MAX_FILE_BYTES);
  if (large)
    throw new CliError(
      `${shown(large.name)} is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB: split the file`,
    );
  const contents = readBlobs(found.map(({ id }) => id));
  return found.flatMap(({ name }, index) => {
    const text = textOf(shown(name), contents[index] ?? Buffer.alloc(0));
    return text.trim() === "" ? [] : [{ name: shown(name), text }];
  });
}

/** The message of a commit; empty where there is none, as outside of a repository. */
export function commitMessage(ref: string, folder: string): string {
  try {
    return run(["log", "-1", "--format=%B", ref], folder).toString("utf8");
  } catch {
    return "";
  }
}

function inRepository(): boolean {
  try {
    return run(["rev-parse", "--git-dir"]).length > 0;
  } catch {
    return false;
  }
}

/** One process for all files: one each would take minutes for thousands. */
function readBlobs(ids: readonly string[]): Buffer[] {
  const output = run(["cat-file", "--batch"], undefined, `${ids.join("\n")}\n`);
  const contents: Buffer[] = [];
  let at = 0;
  for (const id of ids) {
    const end = output.indexOf(10, at);
    const size = Number(output.toString("latin1", at, end).split(" ")[2]);
    if (!Number.isInteger(size)) throw new CliError(`git could not read object ${id}`);
    contents.push(output.subarray(end + 1, end + 1 + size));
    at = end + 1 + size + 1;
  }
  return contents;
}

function textOf(name: string, bytes: Buffer): string {
  try {
    if (bytes.includes(0)) throw new TypeError("binary");
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CliError(`${name} is not UTF-8 text`, undefined, { cause });
  }
}

function git(args: readonly string[], explain?: () => string): string {
  return gitBytes(args, explain).toString("utf8");
}

function gitBytes(args: readonly string[], explain?: () => string): Buffer {
  try {
    return run(args);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new CliError("git is not installed, or not on PATH", undefined, { cause });
    }
    const stderr = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : String(cause);
    throw new CliError(explain?.() ?? `git ${args[0] ?? ""}: ${stderr}`, undefined, { cause });
  }
}

function run(args: readonly string[], cwd?: string, input?: string): Buffer {
  return execFileSync("git", args, {
    maxBuffer: READ_AT_ONCE,
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
    ...(input === undefined ? {} : { input }),
  });
}
