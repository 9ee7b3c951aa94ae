import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { load } from "../../proxy-image/life/load.ts";
import { createDevFiles } from "./dev-files.ts";
import { findBun } from "./find-bun.ts";

const example = readFileSync(join(import.meta.dirname, "../../examples/proxy/proxy.yaml"), "utf8");
let dir = "";
let config = "";

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-dev-"));
  config = join(dir, "proxy.yaml");
  writeFileSync(config, example);
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("--dev", () => {
  test("makes what the example names, so that it loads, and says how to try it", () => {
    const text = createDevFiles(config);
    expect(load(config).config.services).toHaveLength(3);
    expect(text).toContain("sslmode=verify-full");
    expect(text).toContain("spiffe://example.org/ns/nowhere/sa/stranger");
    expect(statSync(join(dir, "dev/clients/shop-api.key")).mode & 0o777).toBe(0o600);
  });

  test("takes a configuration in another folder by a relative path, as the documentation writes it", () => {
    const written = relative(process.cwd(), config);
    createDevFiles(written);
    expect(load(written).files).toContain(config);
  });

  test("leaves valid files as they are", () => {
    createDevFiles(config);
    const before = readFileSync(join(dir, "dev/proxy.pem"), "utf8");
    createDevFiles(config);
    expect(readFileSync(join(dir, "dev/proxy.pem"), "utf8")).toBe(before);
  });

  test("never replaces a bundle that it did not make", () => {
    mkdirSync(join(dir, "dev"));
    writeFileSync(join(dir, "dev/ca.pem"), "somebody's");
    expect(() => createDevFiles(config)).toThrow("was not made by --dev");
    expect(readFileSync(join(dir, "dev/ca.pem"), "utf8")).toBe("somebody's");
  });
});

describe("Bun is found", () => {
  test("by its variable, on PATH, then among packages; and not at all is undefined", () => {
    const file = (path: string) => {
      mkdirSync(join(dir, path, ".."), { recursive: true });
      writeFileSync(join(dir, path), "");
      chmodSync(join(dir, path), 0o755);
      return join(dir, path);
    };
    mkdirSync(join(dir, "x/y"), { recursive: true });
    const from = join(dir, "x/y");
    expect(findBun({ PATH: join(dir, "bin") }, from)).toBeUndefined();
    const packaged = file("node_modules/@oven/bun-linux-x64/bin/bun");
    expect(findBun({ PATH: join(dir, "bin") }, from)).toBe(packaged);
    const onPath = file("bin/bun");
    expect(findBun({ PATH: join(dir, "bin") }, from)).toBe(onPath);
    expect(findBun({ PATH: "", PORTREEVE_BUN: packaged }, from)).toBe(packaged);
    expect(findBun({ PATH: join(dir, "bin"), PORTREEVE_BUN: join(dir, "nothing") }, from)).toBeUndefined();
  });
});
