/**
 * The whole way, nothing in it a stand-in: people sign in with the spawned command at a real provider, and reach a real
 * PostgreSQL with a stock psql through the real proxy, whose configuration is compiled from policies. Not shown here: AWS,
 * of which there is no account (cli/people/aws/sign.test.ts), and the proxy inside of a cluster.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { type Server, startMariadb, startPostgres, startRedis } from "../cluster/servers.ts";
import { until } from "../cluster/until.ts";
import { startProxy, type TestProxy } from "../proxy/harness.ts";
import { MAIN, type Person, personIn, type Result, type Started, seen } from "./cli.ts";
import { COMMIT, type Estate, estateIn } from "./estate.ts";
import { AGENT, CLIENT, startProvider, type TestProvider } from "./provider.ts";

let scope: Scope;
let provider: TestProvider;
let servers: readonly Server[] = [];
let estate: Estate;
let proxy: TestProxy;
let alice: Person;
let bob: Person;
let carol: Person;

beforeAll(async () => {
  scope = await openScope("people");
  const [postgres, redis, mariadb] = await Promise.all([startPostgres(), startRedis(), startMariadb()]);
  servers = [postgres, redis, mariadb];
  provider = await startProvider({ users: { alice: ["dba"], bob: ["interns"], carol: ["operators"] } });
  scope.onStop(provider.stop);
  estate = estateIn(
    scope.dir,
    provider.issuer,
    { postgres: postgres.port, redis: redis.port, mysql: mariadb.port },
    AGENT.id,
  );
  const [port = 0] = await freePorts(1);
  proxy = await startProxy(scope, {
    listeners: [{ name: "shared", mode: "connect", bind: "127.0.0.1", port }],
    ...estate.parts(),
  });
  alice = personIn(scope.dir, "alice");
  bob = personIn(scope.dir, "bob");
  carol = personIn(scope.dir, "carol");
  for (const person of [alice, bob, carol]) {
    const { code, stderr } = await person.run(
      ...["login", "--browser", "--proxy", `127.0.0.1:${port}`, "--ca", "proxy.ca.pem"],
      ...["--spiffe-id", "spiffe://test.org/ns/portreeve/sa/proxy"],
      ...["--issuer", provider.issuer, "--client-id", CLIENT],
    );
    if (code !== 0) throw new Error(stderr);
  }
});

afterAll(async () => {
  await scope?.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

const psql = (person: Person, query: string, ...options: string[]): Promise<Result> =>
  person.start(["connect", "orders-db", ...options, "--", "psql", "-U", "postgres", "-qAtc", query]).ended;

describe("a person", () => {
  test("knows who she is and what she may reach", async () => {
    const { stdout, code } = await alice.run("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      reachable: true,
      principal: { user: "okta:alice@example.com", groups: ["okta:dba"] },
      policy: { commit: COMMIT },
      problem: null,
    });
    expect(code).toBe(0);
    expect((await alice.run("ls")).stdout).toBe(
      "SERVICE    PORTS          UNTIL  OWNER           DESCRIPTION\norders-db  5432/postgres  -      team-orders-db\n",
    );
  });

  test("reaches a service with a stock psql, by port and by socket; the record says who, by which rule and commit", async () => {
    expect(await psql(alice, "select 1")).toMatchObject({ stdout: "1\n", code: 0 });
    expect(await psql(alice, "select inet_server_addr() is null", "--socket")).toMatchObject({
      stdout: "f\n",
    });
    const record = await proxy.record({ verdict: "allow", "src.user": "okta:alice@example.com" });
    expect(record).toMatchObject({
      rule: "dba-orders",
      "src.groups": ["okta:dba"],
      "dst.service": "orders-db",
      "db.user": "postgres",
    });
    expect(JSON.stringify(record)).toContain(COMMIT);
    expect(record["credential.issuer"]).toBe(provider.issuer);
  });

  test("reaches other protocols with their stock clients: by environment, by placeholders, by socket", async () => {
    const run = (service: string, options: readonly string[], ...client: string[]): Promise<Result> =>
      carol.run("connect", service, ...options, "--", ...client);
    const pong = { stdout: "PONG\n", code: 0 };
    expect(await run("cache", [], "redis-cli", "-h", "{host}", "-p", "{port}", "PING")).toMatchObject(pong);
    expect(await run("cache", ["--socket"], "redis-cli", "-s", "{socket}", "PING")).toMatchObject(pong);
    const mysql = ["mysql", "--user=root", "--batch", "--skip-column-names", "--execute=select 5"];
    expect(await run("legacy-db", [], ...mysql)).toMatchObject({ stdout: "5\n", code: 0 });
    // An option file that names a socket, as Debian's does, wins over MYSQL_UNIX_PORT; an option wins over both.
    const [program = "", ...options] = mysql;
    const bySocket = await run("legacy-db", ["--socket"], program, "--socket={socket}", ...options);
    expect(bySocket).toMatchObject({ stdout: "5\n", code: 0 });
    for (const service of ["cache", "legacy-db"]) {
      const found = { "dst.service": service, "src.user": "okta:carol@example.com", verdict: "allow" };
      expect(await proxy.record(found)).toBeDefined();
    }
  });

  test("carries a large result whole", async () => {
    const { stdout } = await psql(alice, "select repeat(md5('x'), 200000)");
    expect(stdout).toHaveLength(32 * 200_000 + 1);
  });

  test("gets psql's own exit code", async () => {
    expect((await psql(alice, "select nothing_of_that_name")).code).toBe(1);
    const taken = await psql(alice, "select 1", "--port", String(proxy.adminPort));
    expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining("EADDRINUSE") });
  });

  test("is refused another service with the reason, before a client runs", async () => {
    const { code, stderr } = await bob.run(
      "connect",
      "orders-db:5432",
      "--",
      "touch",
      join(scope.dir, "was-run"),
    );
    expect(stderr).toContain("refused: you may not reach orders-db:5432 now (no-grant-for-person)");
    expect(stderr).toContain("missing: group okta:dba");
    expect(stderr).toContain("owner: team-orders-db");
    expect(stderr).toContain("portreeve request orders-db --for 1h");
    const [, connection = ""] = /recorded as: connection (\S+)/.exec(stderr) ?? [];
    expect(await proxy.record({ connection })).toMatchObject({
      verdict: "deny",
      "src.user": "okta:bob@example.com",
      "dst.service": "orders-db",
    });
    expect(code).toBe(1);
    expect(readdirSync(scope.dir)).not.toContain("was-run");
    const unknown = await alice.run("connect", "payroll:5432");
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).not.toContain("owner:");
  });

  test("is refused at the proxy too, when access is lost while a local port is open; the record says so", async () => {
    const { local, started } = await opened(alice);
    const file = join(estate.policies, "estate.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace('idpGroups: ["okta:dba"]', 'idpGroups: ["okta:nobody"]'));
    await redeploy();
    await attempt(local);
    const [line] = await seen(started, /^connect: refused by the proxy: .*$/m, "stderr");
    expect(line).toContain("orders-db");
    writeFileSync(file, before);
    await redeploy();
    started.child.kill("SIGINT");
    expect((await started.ended).code).toBe(0);
    const denied = { verdict: "deny", "src.user": "okta:alice@example.com", "dst.service": "orders-db" };
    expect(await proxy.record(denied)).toMatchObject({ reason: "no-grant-for-person" });
  });
});

describe("an auditor", () => {
  test("finds who reached the service and who was turned away, with user, groups, rule and commit", async () => {
    const columns = "src_user,src_groups,verdict,rule,commit,close";
    const log = join(scope.dir, "proxy.audit.jsonl");
    const { stdout, code } = await alice.run(
      ...["audit", "query", log, "--service", "orders-db", "--columns", columns, "--json"],
    );
    expect(code).toBe(0);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(rows).toContainEqual({
      src_user: "okta:alice@example.com",
      src_groups: ["okta:dba"],
      verdict: "allow",
      rule: "dba-orders",
      commit: COMMIT,
      close: "client-closed",
    });
    expect(rows).toContainEqual(
      expect.objectContaining({
        src_user: "okta:bob@example.com",
        verdict: "deny",
        close: "denied",
        commit: COMMIT,
      }),
    );
  });
});

describe("access for a while", () => {
  test("is asked for as a file, begins when that is deployed, and ends by itself, connections included", async () => {
    const asked = await bob.run("request", "orders-db", "--for", "1h", "--reason", "incident 4711");
    expect(asked.stdout).toContain("+ okta:bob@example.com gains orders-db");
    expect(asked.code).toBe(0);
    const file = join(
      estate.policies,
      readdirSync(estate.policies).find((name) => name.startsWith("request-")) ?? "",
    );
    // An hour is too long for a test: the end is brought near. What ends it is the same.
    const end = new Date(Date.now() + 30_000).toISOString();
    writeFileSync(file, readFileSync(file, "utf8").replace(/expires: .*/, `expires: ${end}`));
    await redeploy();
    expect(await psql(bob, "select 2")).toMatchObject({ stdout: "2\n", code: 0 });
    const { local, started } = await opened(bob);
    const held = await attempt(local, true);
    await until("the connection is ended", 60, () => held.closed);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
    expect(await proxy.record({ close: "access-lost", "src.user": "okta:bob@example.com" })).toBeDefined();
    expect((await psql(bob, "select 2")).code).toBe(1);
    started.child.kill("SIGINT");
    await started.ended;
  });
});

describe("an agent", () => {
  test("acts for its person by token exchange, within its limits, and is told so by MCP", async () => {
    const subject = join(scope.dir, "person.jwt");
    const secret = join(scope.dir, "bot.secret");
    const stored = JSON.parse(readFileSync(join(alice.home, "credentials/default.json"), "utf8"));
    writeFileSync(subject, stored.token);
    writeFileSync(secret, AGENT.secret);
    const { proxy: address } = JSON.parse((await alice.run("status", "--json")).stdout);
    const { stdout, stderr } = await alice.run(
      ...["login", "--agent", "triage", "--subject-token-file", subject, "--client-secret-file", secret],
      ...["--issuer", provider.issuer, "--client-id", AGENT.id, "--proxy", address, "--ca", "proxy.ca.pem"],
      ...["--spiffe-id", "spiffe://test.org/ns/portreeve/sa/proxy"],
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("signed in as triage for okta:alice@example.com; 1 service may be reached");
    expect(await psql(alice, "select 3", "--context", "triage")).toMatchObject({ stdout: "3\n" });
    expect(await proxy.record({ "src.agent": "triage", verdict: "allow" })).toMatchObject({
      "src.user": "okta:alice@example.com",
    });
    const refused = await alice.run("connect", "cache:6379", "--context", "triage");
    expect(refused.code).toBe(1);

    const client = new Client({ name: "test", version: "1" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [MAIN, "mcp", "--context", "triage"],
        env: {
          PATH: process.env["PATH"] ?? "",
          PORTREEVE_HOME: alice.home,
          PORTREEVE_CREDENTIAL_STORE: "file",
        },
      }),
    );
    try {
      const list = await client.callTool({ name: "list_services", arguments: {} });
      expect(list.structuredContent).toMatchObject({
        principal: { agent: "triage", user: "okta:alice@example.com" },
        services: [{ service: "orders-db" }],
      });
      const why = await client.callTool({ name: "why_refused", arguments: { service: "cache", port: 6379 } });
      expect(why.structuredContent).toMatchObject({ verdict: "deny" });
    } finally {
      await client.close();
    }
  });

  test("is held to its connections, ended by portreeve revoke at once, and refused from then on, while its person is not", async () => {
    const { local, started } = await opened(alice, "triage");
    const live = [await attempt(local, true), await attempt(local, true)];
    await until("both are open", 10, async () => {
      const connections = (await proxy.admin("GET", "/connections")) as { phase: string }[];
      return connections.filter(({ phase }) => phase === "relay").length === 2;
    });
    await attempt(local);
    const [limited] = await seen(started, /^connect: refused by the proxy: .*$/m, "stderr");
    expect(limited).toMatch(/limit|connections/);
    const admin = `http://127.0.0.1:${proxy.adminPort}`;
    const revoked = alice.start(["revoke", "--agent", "triage", "--admin", admin]);
    const { stdout, code } = await revoked.ended;
    await until("both are ended", 1, () => live.every(({ closed }) => closed));
    expect(stdout).toBe(`${admin}: 2 connections ended, and refused from now on\n`);
    expect(code).toBe(0);
    const after = await alice.run("ls", "--context", "triage");
    expect(after).toMatchObject({ code: 1, stderr: expect.stringContaining("withdrawn by an operator") });
    expect(await psql(alice, "select 4")).toMatchObject({ stdout: "4\n", code: 0 });
    started.child.kill("SIGINT");
    await started.ended;
  });

  test("is not revoked over a network in the clear", async () => {
    const { code, stderr } = await alice.run(
      "revoke",
      "--agent",
      "triage",
      "--admin",
      "http://192.0.2.1:25091",
    );
    expect(stderr).toContain("give http://127.0.0.1:PORT");
    expect(code).toBe(2);
  });
});

/** What the policies say now becomes the proxy's configuration, as `pulumi up` would have it. */
async function redeploy(): Promise<void> {
  const { result, error } = await proxy.reconfigure((config) => ({ ...config, ...estate.parts() }));
  if (error !== undefined) throw new Error(`${result}: ${error}`);
}

/** `portreeve connect` in the background, and its port. */
async function opened(person: Person, context = "default"): Promise<{ local: number; started: Started }> {
  const started = person.start(["connect", "orders-db", "--context", context, "--json"]);
  const [line] = await seen(started, /^\{.*\}$/m);
  return { local: Number(JSON.parse(line).localPort), started };
}

/** Connects; with `hold` it stays open until the other side ends it. */
function attempt(port: number, hold = false): Promise<{ closed: boolean }> {
  const state = { closed: false };
  return new Promise((done) => {
    const socket: Socket = dial({ port, host: "127.0.0.1" }, () => (hold ? done(state) : undefined));
    socket.on("error", () => {});
    socket.on("close", () => {
      state.closed = true;
      done(state);
    });
    socket.resume();
  });
}
