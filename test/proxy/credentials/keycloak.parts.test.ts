/**
 * Tokens as Keycloak makes them: several audiences, `azp`, an own `typ`, keys that rotate. With PORTREEVE_KEYCLOAK=1 only:
 * it downloads 165 MB and takes a minute or two to start; without it, this says that it did not run.
 */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { part } from "../../toolchain/parts.ts";
import { startBackend, startProxy, type TestProxy } from "../harness.ts";
import { tryConnect, type Wire } from "./http.ts";

const wanted = process.env["PORTREEVE_KEYCLOAK"] === "1";

let scope: Scope;
let proxy: TestProxy;
let wire: Wire;
let base = "";
let issuer = "";

const realm = {
  realm: "estate",
  enabled: true,
  sslRequired: "none",
  clients: [
    {
      clientId: "cli",
      publicClient: true,
      directAccessGrantsEnabled: true,
      protocolMappers: [
        {
          name: "audience",
          protocol: "openid-connect",
          protocolMapper: "oidc-audience-mapper",
          config: { "included.custom.audience": "portreeve", "access.token.claim": "true" },
        },
        {
          name: "other audience",
          protocol: "openid-connect",
          protocolMapper: "oidc-audience-mapper",
          config: { "included.custom.audience": "another", "access.token.claim": "true" },
        },
        {
          name: "groups",
          protocol: "openid-connect",
          protocolMapper: "oidc-group-membership-mapper",
          config: { "claim.name": "groups", "full.path": "false", "access.token.claim": "true" },
        },
      ],
    },
  ],
  groups: [{ name: "dba" }],
  users: [
    {
      username: "alice",
      email: "alice@example.com",
      emailVerified: true,
      firstName: "Alice",
      lastName: "A",
      enabled: true,
      groups: ["/dba"],
      credentials: [{ type: "password", value: "alice" }],
    },
    {
      username: "mallory",
      email: "mallory@example.com",
      emailVerified: false,
      firstName: "M",
      lastName: "M",
      enabled: true,
      groups: ["/dba"],
      credentials: [{ type: "password", value: "mallory" }],
    },
  ],
};

async function passwordToken(
  inRealm: string,
  client: string,
  user: string,
  password = user,
): Promise<string> {
  const response = await fetch(`${base}/realms/${inRealm}/protocol/openid-connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "password",
      client_id: client,
      username: user,
      password,
      scope: "openid email",
    }),
  });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

const bearer = async (user: string) => `Bearer ${await passwordToken("estate", "cli", user)}`;

describe.skipIf(!wanted)("Keycloak (set PORTREEVE_KEYCLOAK=1)", () => {
  beforeAll(async () => {
    scope = await openScope("proxy-keycloak");
    const { path } = await part("keycloak");
    const home = join(scope.dir, "keycloak");
    // It writes beside itself.
    cpSync(dirname(dirname(path)), home, { recursive: true });
    mkdirSync(join(home, "data/import"), { recursive: true });
    writeFileSync(join(home, "data/import/estate.json"), JSON.stringify(realm));
    const [port = 0, keycloakPort = 0, management = 0] = await freePorts(3);
    base = `http://127.0.0.1:${keycloakPort}`;
    issuer = `${base}/realms/estate`;
    const options = [
      `--http-port=${keycloakPort}`,
      "--http-host=127.0.0.1",
      `--http-management-port=${management}`,
    ];
    await scope.start(
      "keycloak",
      "sh",
      [join(home, "bin/kc.sh"), "start-dev", "--import-realm", ...options],
      {
        env: {
          ...process.env,
          KC_BOOTSTRAP_ADMIN_USERNAME: "admin",
          KC_BOOTSTRAP_ADMIN_PASSWORD: "admin",
          JAVA_OPTS_KC_HEAP: "-Xmx512m",
        },
        ready: async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).ok,
        timeoutSeconds: 280,
      },
    );
    const backend = await startBackend(scope);
    proxy = await startProxy(scope, {
      listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
      services: [
        {
          name: "orders-db",
          ports: [{ port: 5432 }],
          endpoints: [{ host: "127.0.0.1", port: backend.port }],
        },
      ],
      rules: [
        { id: "dba", action: "allow", service: "orders-db", subjects: { idpGroups: ["keycloak:dba"] } },
      ],
      identityProviders: { oidc: [{ name: "keycloak", issuer, audiences: ["portreeve"], clients: ["cli"] }] },
    });
    wire = { proxy, port };
  });

  afterAll(() => scope?.stop());

  test("its tokens name user and groups", async () => {
    expect(await tryConnect(wire, "orders-db:5432", await bearer("alice"))).toMatchObject({
      status: 200,
      body: "hello",
    });
    expect(await proxy.record({ "src.user": "keycloak:alice@example.com" })).toMatchObject({
      "src.groups": ["keycloak:dba"],
      "credential.issuer": issuer,
    });
  });

  test("an address that Keycloak says is not verified is nobody", async () => {
    const answer = await tryConnect(wire, "orders-db:5432", await bearer("mallory"));
    expect(answer.status).toBe(407);
    expect(answer.json()).toMatchObject({ message: "the e-mail address in the token is not verified" });
  });

  test("a token of another realm of the same server is of another issuer", async () => {
    const other = await passwordToken("master", "admin-cli", "admin");
    expect((await tryConnect(wire, "orders-db:5432", `Bearer ${other}`)).status).toBe(407);
  });

  test("tokens by a new key are accepted as soon as it is found, and those by the old one still", async () => {
    const before = await bearer("alice");
    const admin = `Bearer ${await passwordToken("master", "admin-cli", "admin")}`;
    const made = await fetch(`${base}/admin/realms/estate/components`, {
      method: "POST",
      headers: { authorization: admin, "content-type": "application/json" },
      body: JSON.stringify({
        name: "fresh",
        providerId: "rsa-generated",
        providerType: "org.keycloak.keys.KeyProvider",
        config: { priority: ["200"], algorithm: ["RS256"], keySize: ["2048"] },
      }),
    });
    expect(made.status).toBe(201);
    const after = await bearer("alice");
    const kid = (token: string) =>
      JSON.parse(Buffer.from(token.slice(7).split(".")[0] ?? "", "base64url").toString()) as { kid: string };
    expect(kid(after).kid).not.toBe(kid(before).kid);
    await expect
      .poll(async () => (await tryConnect(wire, "orders-db:5432", after)).status, { timeout: 15_000 })
      .toBe(200);
    expect((await tryConnect(wire, "orders-db:5432", before)).status).toBe(200);
  });
});
