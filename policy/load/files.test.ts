import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readPolicyFiles } from "./files.ts";
import { loadDocuments } from "./index.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "portreeve-load-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(name: string, content: string | Uint8Array = "a: 1\n"): string {
  const path = join(root, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const names = (...paths: string[]): string[] =>
  readPolicyFiles(paths).files.map(({ name }) => name.slice(root.length + 1));
const messages = (...paths: string[]): string[] =>
  readPolicyFiles(paths).findings.map(({ rule, message }) => `${rule} ${message}`);

describe("reading folders", () => {
  it("reads YAML and JSON files of a folder and its folders, in the order of their names", () => {
    for (const name of [
      "b.yml",
      "a.yaml",
      "sub/c.json",
      "notes.md",
      ".hidden.yaml",
      "node_modules/x.yaml",
      ".git/y.yaml",
    ])
      write(name);
    expect(names(root)).toEqual(["a.yaml", "b.yml", "sub/c.json"]);
  });

  it("reads a file once, however often and by whatever link it is named", () => {
    const file = write("a/x.yaml");
    symlinkSync(file, join(root, "a/y.yaml"));
    expect(names(join(root, "a"), file, root)).toEqual(["a/x.yaml"]);
  });

  it("follows a linked folder: what it denies must not get lost", () => {
    write("real/x.yaml");
    mkdirSync(join(root, "policies"));
    symlinkSync(join(root, "real"), join(root, "policies/linked"));
    expect(names(join(root, "policies"))).toEqual(["policies/linked/x.yaml"]);
  });

  it("ends where links lead back, also where two of them double with each step", () => {
    write("a/x.yaml");
    for (const name of ["l1.yaml", "l2.yaml", "l3"]) symlinkSync(root, join(root, "a", name));
    expect(names(root)).toEqual(["a/x.yaml"]);
    expect(messages(root)).toEqual([]);
  });

  it("tells a link to itself and a link to nothing", () => {
    symlinkSync(join(root, "self.yaml"), join(root, "self.yaml"));
    symlinkSync(join(root, "gone"), join(root, "none.yaml"));
    expect(messages(root)).toEqual([
      "PR100 cannot be read: no such file or folder",
      "PR100 cannot be read: a link that leads to itself",
    ]);
  });

  it("tells a folder without policies, also when its folders have none either", () => {
    write("sub/notes.md");
    expect(messages(root)).toEqual([expect.stringContaining("PR100 holds no *.yaml")]);
    expect(messages(join(root, "absent"))).toEqual(["PR100 cannot be read: no such file or folder"]);
  });
});

describe("refusing files", () => {
  it.each<[string, string | Uint8Array, string]>([
    ["an empty file", "", "PR100 is empty"],
    ["a file of blank lines", "\n  \n", "PR100 is empty"],
    ["a binary file", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1), "PR100 is a binary file"],
    ["UTF-16", Uint8Array.from(Buffer.from("a: 1", "utf16le")), "PR100 is a binary file"],
    ["Latin-1", Uint8Array.of(0x61, 0x3a, 0x20, 0xe9), "PR100 is not valid UTF-8"],
  ])("%s", (_, content, message) => {
    expect(messages(write("x.yaml", content))).toEqual([message]);
  });

  it("does not read a file of 50 MiB", () => {
    const path = write("x.yaml");
    truncateSync(path, 50 * 1024 * 1024);
    expect(messages(path)).toEqual(["PR100 is 50 MiB; a policy file has at most 8 MiB"]);
  });

  it("tells a file that holds only comments", () => {
    const { findings } = loadDocuments({ paths: [write("x.yaml", "# nothing here\n---\n# nor here\n")] });
    expect(findings.map(({ message }) => message)).toEqual([
      "holds no document, only comments or blank lines",
    ]);
  });

  it("names what it cannot list or open, and reads the rest", () => {
    const { files, findings } = readPolicyFiles([write("a.yaml"), "/dev/null", join(root, "a.yaml/b")]);
    expect(files).toHaveLength(1);
    expect(findings.map(({ message }) => message)).toEqual([
      "is neither a file nor a folder",
      expect.stringContaining("cannot be read: "),
    ]);
  });
});
