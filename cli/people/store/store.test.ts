/** The keyring is a stand-in: what the operating systems' own do, is not proven here. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileStore } from "./file-store.ts";
import { eitherStore, openStore } from "./store.ts";
import { type CredentialStore, parseStored } from "./stored.ts";

const before = { ...process.env };
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "portreeve-store-"));
  process.env["PORTREEVE_HOME"] = home;
});
afterEach(() => {
  process.env = { ...before };
  rmSync(home, { recursive: true, force: true });
});

function keyringOf(most: number): CredentialStore & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    what: "keyring",
    read: (context) => entries.get(context),
    write: (context, text) => {
      if (text.length > most) throw new Error("too long");
      entries.set(context, text);
    },
    remove: (context) => void entries.delete(context),
  };
}

describe("where credentials are kept", () => {
  it("is a file, written whole, that another write replaces and a removal takes away", () => {
    const store = fileStore();
    expect(store.read("prod")).toBeUndefined();
    store.write("prod", "first");
    store.write("prod", "second");
    expect(store.read("prod")).toBe("second");
    expect(readdirSync(join(home, "credentials"))).toEqual(["prod.json"]);
    store.remove("prod");
    store.remove("prod");
    expect(store.read("prod")).toBeUndefined();
  });

  it("is the keyring, or a file for what the keyring does not take, and never an older one of the two", () => {
    const keyring = keyringOf(10);
    const store = eitherStore(keyring, fileStore());
    store.write("prod", "short");
    expect([keyring.entries.get("prod"), fileStore().read("prod")]).toEqual(["short", undefined]);
    store.write("prod", "longer than ten");
    expect(store.read("prod")).toBe("longer than ten");
    expect(keyring.entries.size).toBe(0);
    store.write("prod", "short");
    expect(store.read("prod")).toBe("short");
    expect(fileStore().read("prod")).toBeUndefined();
    store.remove("prod");
    expect(store.read("prod")).toBeUndefined();
  });

  it("is what PORTREEVE_CREDENTIAL_STORE says, and nothing else by mistake", async () => {
    process.env["PORTREEVE_CREDENTIAL_STORE"] = "file";
    expect((await openStore()).what).toContain(home);
    process.env["PORTREEVE_CREDENTIAL_STORE"] = "flie";
    await expect(openStore()).rejects.toThrow("write file or keyring");
  });
});

describe("what is kept", () => {
  it("counts for nothing when it is not what was written", () => {
    const good = { version: 1, issuer: "i", clientId: "c", token: "t" };
    expect(parseStored(JSON.stringify(good))).toEqual(good);
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      JSON.stringify({ ...good, token: 1 }),
      JSON.stringify({ ...good, version: 2 }),
    ]) {
      expect(parseStored(text), text).toBeUndefined();
    }
  });
});
