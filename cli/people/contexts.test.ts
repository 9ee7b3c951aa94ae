import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextFrom } from "../login/context.ts";
import { checkContext, chooseContext, forgetContext, readContexts, saveContext } from "./contexts.ts";
import { portreeveHome } from "./home.ts";

const before = { ...process.env };
let home: string;
let file: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "portreeve-home-"));
  file = join(home, "config.yaml");
  process.env["PORTREEVE_HOME"] = home;
  delete process.env["PORTREEVE_CONTEXT"];
});
afterEach(() => {
  process.env = { ...before };
  rmSync(home, { recursive: true, force: true });
});

const PROVIDER = { issuer: "https://login.example.com", clientId: "portreeve" };
const prod = () => contextFrom({ context: "prod", proxy: "p.example.com:8443", ...PROVIDER });

describe("contexts", () => {
  it("are kept, chosen by name, variable or as the current one, and forgotten", async () => {
    await saveContext(prod());
    await saveContext(contextFrom({ context: "staging", proxy: "[fd00::1]:8443", ...PROVIDER }));
    expect(chooseContext(undefined).name).toBe("staging");
    expect(chooseContext("prod").proxy.address).toBe("p.example.com:8443");
    process.env["PORTREEVE_CONTEXT"] = "prod";
    expect(chooseContext(undefined).name).toBe("prod");
    expect(() => chooseContext("dev")).toThrow('there is no context "dev"; there is prod, staging');
    delete process.env["PORTREEVE_CONTEXT"];
    await forgetContext("staging");
    expect(chooseContext(undefined).name).toBe("prod");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("that others could change are not trusted: they say where a token is sent", async () => {
    await saveContext(prod());
    chmodSync(file, 0o666);
    expect(() => readContexts()).toThrow("other users of this machine can change it");
    rmSync(file);
    writeFileSync(join(home, "theirs.yaml"), "contexts: []");
    symlinkSync(join(home, "theirs.yaml"), file);
    expect(() => readContexts()).toThrow("is not an ordinary file");
  });

  it("tell what is wrong with them", () => {
    expect(() => chooseContext(undefined)).toThrow("not signed in. Run: portreeve login");
    writeFileSync(file, "contexts: [{ name: x, proxy: { adress: a } }]", { mode: 0o600 });
    expect(() => readContexts()).toThrow(/contexts\.0\.proxy.*adress/);
    writeFileSync(file, "a: [", { mode: 0o600 });
    expect(() => readContexts()).toThrow("is not YAML");
    rmSync(file);
    expect(() => checkContext({ ...prod(), name: "../up" })).toThrow("use letters, digits");
    expect(() => contextFrom({ proxy: "h:1", issuer: "http://example.com", clientId: "c" })).toThrow(
      "starts with https://",
    );
  });

  it("change by what a further login says, and keep the rest", async () => {
    await saveContext(
      contextFrom({
        context: "prod",
        proxy: "p.example.com:8443",
        ca: "/ca.pem",
        scope: ["openid"],
        ...PROVIDER,
      }),
    );
    const again = contextFrom({ spiffeId: "spiffe://test.org/ns/portreeve/sa/proxy" });
    expect(again).toMatchObject({
      name: "prod",
      proxy: {
        address: "p.example.com:8443",
        ca: "/ca.pem",
        spiffeId: "spiffe://test.org/ns/portreeve/sa/proxy",
      },
      identity: { type: "oidc", ...PROVIDER, scopes: ["openid"], present: "access-token" },
    });
  });

  it("of one way to sign in do not become another by half", async () => {
    await saveContext(prod());
    expect(() => contextFrom({ clientCredentials: true })).toThrow("which provider?");
    expect(() => contextFrom({ aws: true, device: true })).toThrow("exclude each other");
    expect(() => contextFrom({ agent: "triage", proxy: "h:1", ...PROVIDER })).toThrow("--subject-token-file");
    expect(() => contextFrom({ cert: "c.pem" })).toThrow("--cert and --key go together");
    expect(contextFrom({ aws: true, region: "eu-central-1" }).identity).toEqual({
      type: "aws",
      region: "eu-central-1",
      audience: "portreeve",
    });
  });

  it("of an agent have its name, and never take the place of the person's", async () => {
    await saveContext(prod());
    const agent = contextFrom({ agent: "triage", proxy: "h:1", subjectTokenFile: "person.jwt", ...PROVIDER });
    expect(agent.name).toBe("triage");
    await saveContext(agent);
    expect(chooseContext(undefined).name).toBe("prod");
  });

  it("are all kept when several processes sign in at the same time", async () => {
    const one = fileURLToPath(new URL("./contexts.ts", import.meta.url));
    const program = `
      const { saveContext } = await import(${JSON.stringify(one)});
      for (let index = 0; index < 20; index++) {
        await saveContext({
          name: process.argv[1] + index,
          proxy: { address: "h:1" },
          identity: { type: "token-file", tokenFile: "t" },
        });
      }`;
    const run = promisify(execFile);
    await Promise.all(
      ["a", "b", "c"].map((name) =>
        run(process.execPath, ["--input-type=module", "--eval", program, name], { env: process.env }),
      ),
    );
    expect(readContexts().contexts).toHaveLength(60);
  });
});

describe("the home", () => {
  it("is where PORTREEVE_HOME or XDG_CONFIG_HOME says; a relative XDG_CONFIG_HOME does not count", () => {
    expect(portreeveHome({ PORTREEVE_HOME: "/a" })).toBe("/a");
    expect(portreeveHome({ XDG_CONFIG_HOME: "/x" })).toBe("/x/portreeve");
    expect(portreeveHome({ XDG_CONFIG_HOME: "x" })).toMatch(/\.config\/portreeve$/);
  });
});
