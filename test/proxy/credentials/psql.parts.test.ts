/**
 * A stock psql whose password is a token of a real OpenID Provider, to a real PostgreSQL that believes the proxy's client
 * certificate and asks it for no password. The proxy's login by RDS IAM tokens is tested in `broker.parts.test.ts`.
 */
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthority, createLeaf } from "../../../proxy-image/dev/certificates.ts";
import { freePorts } from "../../cluster/ports.ts";
import { openScope, type Scope } from "../../cluster/scope.ts";
import { type Server, startPostgres } from "../../cluster/servers.ts";
import { isRoot } from "../../toolchain/machine.ts";
import { startProxy, type TestProxy } from "../harness.ts";
import { AUDIENCE, type RealProvider, startProvider } from "./provider.ts";

let scope: Scope;
let postgres: Server;
let provider: RealProvider;
let proxy: TestProxy;
let port = 0;
const password: Record<string, string> = {};

beforeAll(async () => {
  scope = await openScope("proxy-psql");
  // PostgreSQL runs as another user, and reads its files.
  chmodSync(scope.dir, 0o755);
  const files = join(scope.dir, "database");
  mkdirSync(files);
  const ca = createAuthority("database CA");
  const server = createLeaf("db", ca, { dnsNames: ["db.example.com"] });
  const own = createLeaf("portreeve", ca, {});
  const write = (name: string, content: string): string => {
    const path = join(files, name);
    writeFileSync(path, content, { mode: 0o600 });
    if (isRoot) chownSync(path, 65534, 65534);
    return path;
  };
  if (isRoot) chownSync(files, 65534, 65534);
  const caFile = write("ca.pem", ca.cert);
  postgres = await startPostgres({
    ssl: "on",
    ssl_cert_file: write("cert.pem", server.cert),
    ssl_key_file: write("key.pem", server.key),
    ssl_ca_file: caFile,
    hba_file: write(
      "hba",
      "hostnossl all postgres 127.0.0.1/32 trust\nhostssl all locked 127.0.0.1/32 password\nhostssl all all 127.0.0.1/32 cert map=proxy\n",
    ),
    ident_file: write("ident", "proxy portreeve reader\nproxy portreeve writer\n"),
  });
  const roles = await run("psql", [
    `host=127.0.0.1 port=${postgres.port} user=postgres sslmode=disable`,
    "-qc",
    "create role reader login; create role writer login; create role locked login password 'x'",
  ]);
  expect(roles.err).toBe("");
  const [listener = 0, providerPort = 0] = await freePorts(2);
  port = listener;
  provider = await startProvider(scope, providerPort, { alice: ["dba"], bob: ["staff"], dave: ["locked"] });
  proxy = await startProxy(scope, {
    listeners: [
      {
        name: "orders-db",
        mode: "tls",
        bind: "127.0.0.1",
        port,
        service: "orders-db",
        passwordToken: { provider: "okta" },
      },
    ],
    services: [
      {
        name: "orders-db",
        ports: [{ port: 5432, protocol: "postgres" }],
        endpoints: [{ host: "127.0.0.1", port: postgres.port }],
        tls: {
          mode: "mutual",
          ca: caFile,
          sni: "db.example.com",
          certificate: { cert: write("own.pem", own.cert), key: write("own.key", own.key) },
        },
        auth: { type: "trust" },
      },
    ],
    rules: [
      {
        id: "dba",
        action: "allow",
        service: "orders-db",
        subjects: { idpGroups: ["okta:dba"] },
        loginUsers: ["reader", "writer"],
      },
      {
        id: "locked",
        action: "allow",
        service: "orders-db",
        subjects: { idpGroups: ["okta:locked"] },
        loginUsers: ["locked"],
      },
    ],
    identityProviders: { oidc: [{ name: "okta", issuer: provider.issuer, audiences: [AUDIENCE] }] },
  });
  writeFileSync(join(scope.dir, "ca.pem"), proxy.ca.cert);
  for (const person of ["alice", "bob", "dave"]) password[person] = await provider.personToken(person);
});

afterAll(async () => {
  await scope?.stop();
  await postgres?.stop();
});

interface Ran {
  readonly out: string;
  readonly err: string;
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return new Promise((done) => {
    execFile(
      command,
      [...args],
      { env: { ...process.env, ...env }, timeout: 20_000, maxBuffer: 16_000_000 },
      (_, out, err) => done({ out, err }),
    );
  });
}

const psql = (user: string, given: string | undefined, query = "select current_user") =>
  run(
    "psql",
    [
      `host=localhost port=${port} user=${user} dbname=postgres sslmode=verify-full sslrootcert=${join(scope.dir, "ca.pem")}`,
      "--no-password",
      "-qAtc",
      query,
    ],
    given === undefined ? {} : { PGPASSWORD: given },
  );

test("a token as the password is a login as a user that the grant names, and the server never sees it", async () => {
  expect(await psql("writer", password["alice"])).toEqual({ out: "writer\n", err: "" });
  expect(await proxy.record({ "db.user": "writer" })).toMatchObject({
    "src.user": "okta:alice@example.com",
    rule: "dba",
    verdict: "allow",
  });
  const big = await psql("reader", password["alice"], "select repeat('x', 3000000)");
  expect(big.out).toHaveLength(3_000_001);
  expect(postgres.log()).not.toContain(password["alice"]);
});

test("a user that no grant opens is not taken: the one that is, is", async () => {
  expect(await psql("postgres", password["alice"])).toEqual({ out: "reader\n", err: "" });
  expect(await proxy.record({ "db.asked_user": "postgres" })).toMatchObject({ "db.user": "reader" });
});

test("somebody without a grant reads a sentence, and the server hears nothing", async () => {
  const { err } = await psql("reader", password["bob"]);
  expect(err).toMatch(/FATAL: {2}portreeve: access to orders-db is denied \(connection \S+\)/);
  expect((await proxy.record({ "src.user": "okta:bob@example.com" }))["dst.addr"]).toBeUndefined();
});

test.each([
  ["a password that is none", () => "secret", /no token that is accepted/],
  ["a token that was changed", () => `${password["alice"]}x`, /signature is not the issuer's/],
  ["a password of any length", () => "x".repeat(20_000), /longer than a token/],
])("%s is refused in words", async (_, given, words) => {
  expect((await psql("reader", given())).err).toMatch(words);
});

test("without a password psql says that one is asked for", async () => {
  expect((await psql("reader", undefined)).err).toMatch(/no password supplied/);
});

test("a server that wants a password all the same gets none, and the token stays here", async () => {
  expect((await psql("locked", password["dave"])).err).toMatch(/should believe the proxy without one/);
  expect(await proxy.record({ "src.user": "okta:dave@example.com" })).toMatchObject({
    close: "protocol-refused",
  });
});

test("no token is in a record or a log", async () => {
  const written = JSON.stringify(proxy.records()) + proxy.running.log() + postgres.log();
  for (const token of Object.values(password)) expect(written).not.toContain(token.split(".")[2]);
});
