import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, createLeaf, type Issued } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { type Server, startMariadb, startPostgres, startRedis } from "../cluster/servers.ts";
import { until } from "../cluster/until.ts";
import { API, OTHER, startProxy, type TestProxy } from "./harness.ts";

/** Stock clients of the distribution against real servers: what a user would type. */
const run = promisify(execFile);

let scope: Scope;
let proxy: TestProxy;
let servers: Server[] = [];
let ports: number[] = [];

beforeAll(async () => {
  scope = await openScope("proxy-databases");
  servers = await Promise.all([startPostgres(), startRedis(), startMariadb()]);
  const [postgres, redis, mariadb] = servers;
  ports = await freePorts(3);
  const service = (
    name: string,
    port: number,
    protocol: "postgres" | "redis" | "mysql",
    server?: Server,
  ) => ({
    name,
    ports: [{ port, protocol }],
    endpoints: [{ host: "127.0.0.1", port: server?.port ?? 0 }],
    ...(protocol === "mysql" ? { inlineTls: true } : {}),
  });
  const names = ["orders-db", "cache", "legacy-db"];
  proxy = await startProxy(scope, {
    listeners: names.map((name, index) => ({
      name,
      mode: "mtls" as const,
      bind: "127.0.0.1",
      port: ports[index] ?? 0,
      service: name,
    })),
    services: [
      service("orders-db", 5432, "postgres", postgres),
      service("cache", 6379, "redis", redis),
      service("legacy-db", 3306, "mysql", mariadb),
    ],
    rules: names.map((name) => ({
      id: `api-to-${name}`,
      action: "allow" as const,
      service: name,
      subjects: { workloads: [API] },
    })),
  });
});

afterAll(async () => {
  await scope.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

interface Answer {
  readonly code: number;
  readonly output: string;
}

async function client(command: string, args: readonly string[]): Promise<Answer> {
  try {
    const { stdout } = await run(command, [...args], {
      timeout: 20_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, HOME: scope.dir },
    });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : -1, output: `${stdout}${stderr}` };
  }
}

function filesOf(name: string, issued: Issued): { ca: string; cert: string; key: string } {
  const path = (suffix: string) => join(scope.dir, `${name}.${suffix}`);
  writeFileSync(path("ca"), proxy.ca.cert);
  writeFileSync(path("cert"), issued.cert);
  writeFileSync(path("key"), issued.key, { mode: 0o600 });
  return { ca: path("ca"), cert: path("cert"), key: path("key") };
}

const psql = (who: Issued, query: string): Promise<Answer> => {
  const { ca, cert, key } = filesOf("psql", who);
  const target = `host=localhost port=${ports[0]} user=postgres dbname=postgres sslmode=verify-full`;
  return client("psql", [`${target} sslrootcert=${ca} sslcert=${cert} sslkey=${key}`, "-qAtc", query]);
};

const redisCli = (who: Issued, ...command: string[]): Promise<Answer> => {
  const { ca, cert, key } = filesOf("redis", who);
  const tls = ["--tls", "--cacert", ca, "--cert", cert, "--key", key];
  return client("redis-cli", ["-h", "localhost", "-p", String(ports[1]), ...tls, ...command]);
};

const mariadb = (who: Issued, query: string): Promise<Answer> => {
  const { ca, cert, key } = filesOf("mariadb", who);
  const tls = ["--ssl-verify-server-cert", `--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`];
  const where = ["--no-defaults", "--protocol=tcp", "-h", "localhost", "-P", String(ports[2]), "-u", "root"];
  return client("mariadb", [...where, ...tls, "-NBe", query]);
};

describe("psql with sslmode=verify-full and a client certificate", () => {
  test("works for a granted workload, and the record says who, as whom, and where", async () => {
    const answer = await psql(proxy.client(API), "select sum(g) from generate_series(1, 100000) g");
    expect(answer).toEqual({ code: 0, output: "5000050000\n" });
    const record = await proxy.record({ "dst.service": "orders-db", "src.identity": API });
    expect(record).toMatchObject({
      rule: "api-to-orders-db",
      "dst.port": 5432,
      "db.user": "postgres",
      "db.name": "postgres",
    });
  });

  test("moves megabytes whole", async () => {
    const answer = await psql(proxy.client(API), "select repeat(md5('x'), 200000)");
    expect(answer.output).toHaveLength(32 * 200_000 + 1);
  });

  test("reads in words why it is refused without a grant", async () => {
    const answer = await psql(proxy.client(OTHER), "select 1");
    expect(answer.code).not.toBe(0);
    expect(answer.output).toContain("portreeve: access to orders-db is denied (connection ");
    expect(await proxy.record({ "dst.service": "orders-db", "src.identity": OTHER })).toMatchObject({
      close: "denied",
    });
  });

  test("is nobody with a certificate of a foreign CA, whatever name it carries, or without one", async () => {
    const forged = createLeaf("client", createAuthority("foreign"), { uris: [API] });
    const answer = await psql(forged, "select 1");
    expect(answer.code).not.toBe(0);
    expect(answer.output).not.toContain("portreeve:");
    expect(await proxy.record({ listener: "orders-db", close: "handshake-failed" })).toMatchObject({
      verdict: "deny",
    });
    const { ca } = filesOf("none", forged);
    const target = `host=localhost port=${ports[0]} user=postgres sslmode=verify-full sslrootcert=${ca}`;
    const none = await client("psql", [
      `${target} sslcert=/nonexistent sslkey=/nonexistent`,
      "-c",
      "select 1",
    ]);
    expect(none.code).not.toBe(0);
    await until("both are recorded", 10, () => {
      const failed = proxy
        .records()
        .filter(({ listener, close }) => listener === "orders-db" && close === "handshake-failed");
      return failed.length === 2 && failed.every((record) => record["dst.addr"] === undefined);
    });
  });

  test("is refused without TLS", async () => {
    const answer = await client("psql", [
      `host=localhost port=${ports[0]} user=postgres sslmode=disable`,
      "-c",
      "select 1",
    ]);
    expect(answer.code).not.toBe(0);
    expect(await proxy.record({ listener: "orders-db", close: "protocol-refused" })).toMatchObject({
      verdict: "deny",
    });
  });
});

describe("redis-cli with TLS and a client certificate", () => {
  test("works for a granted workload", async () => {
    expect(await redisCli(proxy.client(API), "set", "k", "v")).toEqual({ code: 0, output: "OK\n" });
    expect(await redisCli(proxy.client(API), "get", "k")).toEqual({ code: 0, output: "v\n" });
    expect(await proxy.record({ "dst.service": "cache", "src.identity": API })).toMatchObject({
      verdict: "allow",
    });
  });

  test("reads in words why it is refused without a grant", async () => {
    const { output } = await redisCli(proxy.client(OTHER), "get", "k");
    expect(output).not.toContain("v\n");
    expect(await proxy.record({ "dst.service": "cache", "src.identity": OTHER })).toMatchObject({
      close: "denied",
    });
  });
});

describe("the mariadb client, whose TLS begins inside the protocol of a server that speaks first", () => {
  test("works for a granted workload, and the record names user and database", async () => {
    const answer = await mariadb(proxy.client(API), "select 6*7; use mysql; select repeat('x', 3000000)");
    expect(answer.code).toBe(0);
    expect(answer.output.startsWith("42\n")).toBe(true);
    expect(answer.output).toHaveLength(3 + 3_000_001);
    const record = await proxy.record({ "dst.service": "legacy-db", "src.identity": API });
    expect(record).toMatchObject({ "db.user": "root", verdict: "allow" });
  });

  test("with a password proves it to the server, which the proxy never sees", async () => {
    await mariadb(proxy.client(API), "create user if not exists 'pw'@'%' identified by 'secret'");
    const { ca, cert, key } = filesOf("mariadb", proxy.client(API));
    const args = (password: string) => [
      "--no-defaults",
      "--protocol=tcp",
      "-h",
      "localhost",
      "-P",
      String(ports[2]),
      "-u",
      "pw",
      `-p${password}`,
      "--ssl-verify-server-cert",
      `--ssl-ca=${ca}`,
      `--ssl-cert=${cert}`,
      `--ssl-key=${key}`,
      "-NBe",
      "select current_user()",
    ];
    expect(await client("mariadb", args("secret"))).toEqual({ code: 0, output: "pw@%\n" });
    expect((await client("mariadb", args("wrong"))).output).toContain("Access denied for user 'pw'");
  });

  test("reads in words why it is refused without a grant, and the server is not dialled", async () => {
    const answer = await mariadb(proxy.client(OTHER), "select 1");
    expect(answer.code).not.toBe(0);
    expect(answer.output).toContain("portreeve: access to legacy-db is denied");
    const record = await proxy.record({ "dst.service": "legacy-db", "src.identity": OTHER });
    expect(record["dst.addr"]).toBeUndefined();
  });
});
