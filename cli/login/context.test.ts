import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { contextFrom } from "./context.ts";
import { login } from "./login.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "portreeve-login-"));
  vi.stubEnv("PORTREEVE_HOME", home);
  vi.stubEnv("AWS_REGION", "");
  vi.stubEnv("AWS_DEFAULT_REGION", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

describe("what a sign-in lacks", () => {
  const proxy = "127.0.0.1:1";

  it("is asked for in words of the command: the region of AWS", () => {
    expect(() => contextFrom({ aws: true, proxy })).toThrow("which AWS region? Give --region");
    vi.stubEnv("AWS_REGION", "eu-west-1");
    expect(contextFrom({ aws: true, proxy }).identity).toMatchObject({ region: "eu-west-1" });
    expect(contextFrom({ aws: true, proxy, region: "us-east-1" }).identity).toMatchObject({
      region: "us-east-1",
    });
  });

  it("is told before anybody is sent to a browser: authorities that cannot be read", async () => {
    const told: string[] = [];
    const attempt = login(
      {
        proxy,
        ca: join(home, "none.pem"),
        issuer: "http://127.0.0.1:1",
        clientId: "portreeve",
        device: true,
      },
      (line) => told.push(line),
    );
    await expect(attempt).rejects.toThrow(/the proxy's authorities: .*none\.pem cannot be read/);
    expect(told).toEqual([]);
  });
});
