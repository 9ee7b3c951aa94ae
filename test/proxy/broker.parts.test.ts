import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, createLeaf, type Issued } from "../../proxy-image/dev/certificates.ts";
import { type TokenExpectation, tokenRefusal } from "../aws/token-verifier.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { type Server, startPostgres, startRedis } from "../cluster/servers.ts";
import { until } from "../cluster/until.ts";
import { isRoot, onPath } from "../toolchain/machine.ts";
import { pamService, startLdap, startPam, startRedisFront } from "./broker-authenticators.ts";
import { API, connectTls, OTHER, readToEnd, startProxy, type TestProxy } from "./harness.ts";

/**
 * The proxy as credential broker: stock clients without a password, real servers, tokens checked as AWS does. What stands
 * in for AWS: the endpoint that hands out credentials, and who checks the token for the server. RDS's own plugins are not
 * here; MariaDB stands for MySQL.
 */
const run = promisify(execFile);
const user = isRoot ? { uid: 65534, gid: 65534 } : {};
const CREDENTIALS = {
  AccessKeyId: "ASIABROKER",
  SecretAccessKey: "broker/secret+key",
  Token: "session//+token=of&the==proxy",
};
const REGION = "eu-central-1";
const MINUTE = 60_000;

let scope: Scope;
let postgres: Server;
/** A second server of one service; it believes whoever comes by TLS. */
let another: Server;
let redis: Server;
let mariadbPort = 0;
let credentials: HttpServer;
let proxy: TestProxy;
/** Has no credentials. */
let poor: TestProxy;
let ports = new Map<string, number>();
/** Every token that a server showed, and what became of it. */
const seen: { user: string; token: string; refusal: string | undefined }[] = [];
/** How far the databases' clock is ahead. */
let ahead = 0;
let credentialRequests = 0;

function judge(expected: Pick<TokenExpectation, "service" | "host" | "serverless">) {
  return (asked: string, token: string): boolean => {
    const { AccessKeyId, SecretAccessKey, Token } = CREDENTIALS;
    const refusal = tokenRefusal(token, {
      ...expected,
      region: REGION,
      user: asked,
      now: Date.now() + ahead,
      keys: new Map([[AccessKeyId, { secret: SecretAccessKey, sessionToken: Token }]]),
    });
    seen.push({ user: asked, token, refusal });
    return refusal === undefined;
  };
}

beforeAll(async () => {
  scope = await openScope("proxy-broker");
  chmodSync(scope.dir, 0o755);
  const databases = createAuthority("database CA");
  const leaf = createLeaf("database", databases, { dnsNames: ["db.example.com"] });
  const files = join(scope.dir, "database");
  mkdirSync(files);
  for (const [name, content] of [
    ["ca", databases.cert],
    ["cert", leaf.cert],
    ["key", leaf.key],
  ] as const) {
    writeFileSync(join(files, name), content, { mode: 0o600 });
    if (user.uid !== undefined) chownSync(join(files, name), user.uid, user.gid);
  }
  if (user.uid !== undefined) chownSync(files, user.uid, user.gid);
  const expectations = { service: "rds-db", host: "" } as { service: "rds-db"; host: string };
  const ldap = await startLdap(scope, (asked, token) => judge(expectations)(asked, token));
  const hba = join(files, "hba");
  writeFileSync(
    hba,
    `host all postgres 127.0.0.1/32 trust
hostssl all scram 127.0.0.1/32 scram-sha-256
hostssl all all 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=${ldap} ldapprefix="uid=" ldapsuffix=",dc=test"
`,
    { mode: 0o644 },
  );
  postgres = await startPostgres({
    ssl: "on",
    ssl_cert_file: join(files, "cert"),
    ssl_key_file: join(files, "key"),
    hba_file: hba,
    log_min_messages: "debug1",
    log_connections: "on",
  });
  expectations.host = `127.0.0.1:${postgres.port}`;
  await admin("create role orders_app login", "create role reporting login", "create database orders");
  await admin("create role scram login password 'x'");
  const open = join(files, "hba-open");
  writeFileSync(open, "host all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 trust\n", {
    mode: 0o644,
  });
  another = await startPostgres({
    ssl: "on",
    ssl_cert_file: join(files, "cert"),
    ssl_key_file: join(files, "key"),
    hba_file: open,
  });
  for (const query of ["create role orders_app login", "create database orders"])
    await run("psql", [`host=127.0.0.1 port=${another.port} user=postgres dbname=postgres`, "-qc", query]);
  redis = await startRedis();
  const front = await startRedisFront(
    scope,
    redis.port,
    leaf,
    judge({ service: "elasticache", host: "sessions", serverless: true }),
  );
  mariadbPort = await startMariadbWithPam(files);
  credentials = createServer((request, response) => {
    credentialRequests += 1;
    const good = request.headers.authorization === "pod-token";
    response.writeHead(good ? 200 : 403, { "content-type": "application/json" });
    const Expiration = new Date(Date.now() + 60 * MINUTE).toISOString();
    response.end(JSON.stringify(good ? { ...CREDENTIALS, Expiration } : { message: "no" }));
  });
  await new Promise<void>((done) => {
    credentials.listen(0, "127.0.0.1", () => done());
  });
  scope.onStop(() => void credentials.close());
  const podToken = join(scope.dir, "pod-token");
  writeFileSync(podToken, "pod-token");
  const port = (credentials.address() as AddressInfo).port;
  const parts = await partsOf(join(files, "ca"), front);
  const base = { PATH: process.env["PATH"] ?? "", HOME: scope.dir };
  proxy = await startProxy(scope, parts, "proxy", {
    ...base,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: podToken,
  });
});

afterAll(async () => {
  await scope.stop();
  await Promise.all([postgres?.stop(), another?.stop(), redis?.stop()]);
});

async function admin(...queries: string[]): Promise<void> {
  const target = `host=127.0.0.1 port=${postgres.port} user=postgres dbname=postgres`;
  for (const query of queries) await run("psql", [target, "-qc", query]);
}

type Parts = Parameters<typeof startProxy>[1];

async function partsOf(ca: string, redisFront: number): Promise<Parts> {
  const rds = { type: "rds-iam", region: REGION } as const;
  const service = (
    name: string,
    protocol: "postgres" | "mysql" | "redis",
    port: number,
    auth: object,
    users: string[],
  ) => ({
    service: {
      name,
      ports: [{ port: 1, protocol }],
      endpoints: [
        { host: "127.0.0.1", port },
        ...(name === "several" ? [{ host: "127.0.0.1", port: another.port }] : []),
      ],
      tls: { mode: "simple" as const, ca, sni: "db.example.com" },
      ...(protocol === "mysql" && name !== "tunnel" ? { inlineTls: true } : {}),
      auth: { ...rds, ...auth } as typeof rds,
    },
    users,
  });
  const cache = { type: "elasticache-iam", cache: "sessions", serverless: true };
  const all = [
    service("orders", "postgres", postgres.port, {}, ["orders_app", "reporting"]),
    service("region", "postgres", postgres.port, { region: "us-east-1" }, ["orders_app"]),
    service("host", "postgres", postgres.port, { host: "else.rds.amazonaws.com" }, ["orders_app"]),
    service("stranger", "postgres", postgres.port, {}, ["nobody_here"]),
    service("several", "postgres", postgres.port, {}, ["orders_app"]),
    service("scram", "postgres", postgres.port, {}, ["scram"]),
    service("legacy", "mysql", mariadbPort, {}, ["orders_app"]),
    service("tunnel", "mysql", mariadbPort, {}, ["orders_app"]),
    service("native", "mysql", mariadbPort, {}, ["native"]),
    service("cache", "redis", redisFront, cache, ["reports"]),
    service("cache-host", "redis", redisFront, { ...cache, cache: "else" }, ["reports"]),
  ];
  const free = await freePorts(all.length);
  ports = new Map(all.map(({ service: { name } }, index) => [name, free[index] ?? 0]));
  return {
    listeners: all.map(({ service: { name } }) => ({
      name,
      mode: "mtls" as const,
      bind: "127.0.0.1",
      port: ports.get(name) ?? 0,
      service: name,
    })),
    services: all.map((one) => one.service),
    rules: all.map(({ service: { name }, users }) => ({
      id: name,
      action: "allow" as const,
      service: name,
      subjects: { workloads: [API] },
      loginUsers: users,
    })),
  };
}

/** PAM reads its services from `/etc/pam.d`: in a mount namespace of its own, that is a folder of the test. */
async function startMariadbWithPam(files: string): Promise<number> {
  const [port = 0] = await freePorts(1);
  const home = join(scope.dir, "mariadb");
  mkdirSync(home);
  if (user.uid !== undefined) chownSync(home, user.uid, user.gid);
  const pam = join(scope.dir, "pam.d");
  pamService(
    pam,
    "portreeve",
    await startPam(scope, judge({ service: "rds-db", host: `127.0.0.1:${port}` })),
  );
  const data = `--datadir=${join(home, "data")}`;
  const install = ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"];
  await run("mariadb-install-db", install, { cwd: home, ...user });
  const args = [
    "--no-defaults",
    data,
    "--user=nobody",
    "--bind-address=127.0.0.1",
    `--port=${port}`,
    `--socket=${join(home, "s")}`,
    `--pid-file=${join(home, "pid")}`,
    `--ssl-cert=${join(files, "cert")}`,
    `--ssl-key=${join(files, "key")}`,
    "--plugin-load-add=auth_pam_v1",
    "--plugin-load-add=auth_ed25519",
    "--pam-use-cleartext-plugin=ON",
  ];
  const server = onPath("mariadbd") ?? "/usr/sbin/mariadbd";
  const root = ["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", String(port), "-u", "root", "-e"];
  const command = `mount --bind ${pam} /etc/pam.d && exec ${server} "$@"`;
  await scope.start("mariadb", "unshare", ["-m", "bash", "-c", command, "mariadbd", ...args], {
    ready: () => run("mariadb", [...root, "select 1"]),
  });
  await run("mariadb", [
    ...root,
    "create user 'orders_app'@'%' identified via pam using 'portreeve' require ssl; create database orders; grant all on orders.* to 'orders_app'@'%'; create user 'native'@'%' identified via ed25519 using password('secret')",
  ]);
  return port;
}

interface Answer {
  readonly code: number;
  readonly output: string;
}

/** @param errors whether what the client says of errors belongs to the output of one that succeeds */
async function client(command: string, args: readonly string[], errors = false): Promise<Answer> {
  try {
    const { stdout, stderr } = await run(command, [...args], {
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { PATH: process.env["PATH"] ?? "", HOME: scope.dir },
    });
    return { code: 0, output: errors ? stdout + stderr : stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : -1, output: `${stdout}${stderr}` };
  }
}

function filesOf(at: TestProxy, issued: Issued): { ca: string; cert: string; key: string } {
  const path = (suffix: string) => join(scope.dir, `client.${suffix}`);
  writeFileSync(path("ca"), at.ca.cert);
  writeFileSync(path("cert"), issued.cert);
  writeFileSync(path("key"), issued.key, { mode: 0o600 });
  return { ca: path("ca"), cert: path("cert"), key: path("key") };
}

function psql(name: string, query: string, rest = "user=me dbname=orders", at = proxy, who = at.client(API)) {
  const { ca, cert, key } = filesOf(at, who);
  const target = `host=localhost port=${ports.get(name)} sslmode=verify-full sslrootcert=${ca} sslcert=${cert} sslkey=${key} ${rest}`;
  return client("psql", [target, "-wqAtc", query]);
}

function mariadb(name: string, query: string, more: string[] = []): Promise<Answer> {
  const { ca, cert, key } = filesOf(proxy, proxy.client(API));
  const tls = ["--ssl-verify-server-cert", `--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`];
  const where = ["--no-defaults", "--protocol=tcp", "-h", "localhost", "-P", String(ports.get(name))];
  return client("mariadb", [...where, "-u", "me", ...tls, ...more, "-NBe", query]);
}

function redisCli(name: string, ...command: string[]): Promise<Answer> {
  const { ca, cert, key } = filesOf(proxy, proxy.client(API));
  const tls = ["--tls", "--cacert", ca, "--cert", cert, "--key", key];
  return client("redis-cli", ["-h", "localhost", "-p", String(ports.get(name)), ...tls, ...command], true);
}

describe("psql without a password", () => {
  test("is logged in as the user of its grant, over verified TLS, and the record says as whom", async () => {
    const answer = await psql(
      "orders",
      "select current_user, current_database(), ssl from pg_stat_ssl where pid = pg_backend_pid()",
    );
    expect(answer).toEqual({ code: 0, output: "orders_app|orders|t\n" });
    expect(await proxy.record({ "dst.service": "orders" })).toMatchObject({
      // psql says goodbye and closes; the server, told so, closes as well, and either may be first.
      close: expect.stringMatching(/^(client|upstream)-(closed|reset)$/),
      "db.user": "orders_app",
      "db.asked_user": "me",
      "db.name": "orders",
      "db.application": "psql",
      rule: "orders",
    });
    expect(seen.at(-1)).toMatchObject({ user: "orders_app", refusal: undefined });
  });

  test("may ask for another user that its grant names", async () => {
    expect(await psql("orders", "select current_user", "user=reporting dbname=orders")).toEqual({
      code: 0,
      output: "reporting\n",
    });
  });

  test("sees every byte as the server sent it, megabytes and COPY included", async () => {
    const text = await psql("orders", "select repeat(md5('x'), 200000)");
    expect(text.output).toHaveLength(32 * 200_000 + 1);
    const copied = await psql("orders", "copy (select g from generate_series(1, 100000) g) to stdout");
    expect(copied.output.split("\n")).toHaveLength(100_001);
  });

  test("with a password of its own, the password is not asked for and goes nowhere", async () => {
    const answer = await psql("orders", "select current_user", "user=me password=hunter2 dbname=orders");
    expect(answer).toEqual({ code: 0, output: "orders_app\n" });
    expect(seen.every(({ token }) => !token.includes("hunter2"))).toBe(true);
  });

  test("reads the server's own words about a database that is not there", async () => {
    const answer = await psql("orders", "select 1", "user=me dbname=missing");
    expect(answer.output).toContain('database "missing" does not exist');
  });

  test.each([
    ["region", /LDAP authentication failed for user "orders_app"/, /of the scope us-east-1/],
    ["host", /LDAP authentication failed for user "orders_app"/, /signed for else\.rds/],
  ])("with a token of another %s reads the server's refusal", async (name, words, why) => {
    expect((await psql(name, "select 1")).output).toMatch(words);
    expect(seen.at(-1)?.refusal).toMatch(why);
    expect(await proxy.record({ "dst.service": name })).toMatchObject({
      close: "login-refused",
      error: "the server refused the login of orders_app (28000)",
    });
  });

  test("is refused by a database that finds the token too old", async () => {
    ahead = 16 * MINUTE;
    const answer = await psql("orders", "select 1");
    ahead = 0;
    expect(answer.output).toContain('LDAP authentication failed for user "orders_app"');
    expect(seen.at(-1)?.refusal).toBe("expired");
  });

  test("is refused as a user that the database does not know", async () => {
    expect((await psql("stranger", "select 1")).output).toContain('role "nobody_here" does not exist');
  });

  test("is refused, and no token sent, where the server asks for a password to be proven", async () => {
    const before = seen.length;
    const answer = await psql("scram", "select 1");
    expect(answer.output).toContain("portreeve: the server asks scram for SCRAM authentication");
    expect(seen).toHaveLength(before);
    expect(await proxy.record({ "dst.service": "scram" })).toMatchObject({ close: "protocol-refused" });
  });

  test("without a grant is refused before the database is dialled", async () => {
    const answer = await psql(
      "orders",
      "select 1",
      "user=orders_app dbname=orders",
      proxy,
      proxy.client(OTHER),
    );
    expect(answer.output).toContain("portreeve: access to orders is denied");
    const record = await proxy.record({ "dst.service": "orders", "src.identity": OTHER });
    expect(record["dst.addr"]).toBeUndefined();
  });
});

/** How many queries sleep at a server. */
async function sleeping(port: number): Promise<string> {
  const target = `host=127.0.0.1 port=${port} user=postgres dbname=postgres`;
  const query =
    "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'";
  return (await run("psql", [target, "-Atc", query])).stdout;
}

/** A client of PostgreSQL by hand, for what psql does not do. */
async function startup(
  name: string,
): Promise<{ text(): string; write(bytes: Uint8Array): void; key(): Buffer; close(): void }> {
  const socket = await connectTls(proxy, ports.get(name) ?? 0, proxy.client(API));
  let received = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    received = Buffer.concat([received, data]);
  });
  socket.on("error", () => {});
  scope.onStop(() => void socket.destroy());
  return {
    text: () => received.toString("latin1"),
    write: (bytes) => void socket.write(bytes),
    close: () => void socket.destroy(),
    key: () => {
      const at = received.indexOf("K\0\0\0\x0c", 0, "latin1");
      return received.subarray(at + 5, at + 13);
    },
  };
}

const framed = (type: string, body: string): Buffer => {
  const message = Buffer.from(`${type}....${body}`, "latin1");
  message.writeUInt32BE(message.length - type.length, type.length);
  return message;
};

describe("a client of PostgreSQL by hand", () => {
  const opening = framed("", "\0\x03\0\0user\0me\0database\0orders\0\0");

  test("gets nothing before AuthenticationOk, and its query in progress is cancelled by a connection of its own", async () => {
    const session = await startup("orders");
    session.write(opening);
    await until("ready for a query", 20, () => session.text().endsWith("Z\0\0\0\x05I"));
    // AuthenticationOk is the first thing: no request for a password comes through.
    expect(session.text().startsWith("R\0\0\0\x08\0\0\0\0S")).toBe(true);
    session.write(framed("Q", "select pg_sleep(60)\0"));
    await until("the query runs", 20, async () => (await sleeping(postgres.port)) === "1\n");
    const cancel = await startup("orders");
    cancel.write(
      Buffer.concat(
        [framed("", "\x04\xd2\x16\x2e"), session.key()].map((part, index) => {
          if (index === 0) part.writeUInt32BE(16, 0);
          return part;
        }),
      ),
    );
    await until("the query is cancelled", 20, () => session.text().includes("C57014"));
  });

  test("is cancelled too where its request is dialled to another server of the service", async () => {
    const session = await startup("several");
    session.write(opening);
    await until("ready for a query", 20, () => session.text().endsWith("Z\0\0\0\x05I"));
    const second = await startup("several");
    second.write(opening);
    await until("ready for a query", 20, () => second.text().endsWith("Z\0\0\0\x05I"));
    second.write(framed("Q", "select pg_sleep(60)\0"));
    const request = Buffer.concat([Buffer.from([0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e]), session.key()]);
    const cancelled = () => session.text().split("C57014").length - 1;
    /** Where requests to cancel were dialled to: they log nobody in. */
    const dialled = () =>
      new Set(
        proxy
          .records()
          .filter((record) => record["dst.service"] === "several" && record["db.user"] === undefined)
          .map((record) => record["dst.addr"]),
      );
    for (let round = 1; dialled().size < 2; round++) {
      expect(round).toBeLessThan(8);
      session.write(framed("Q", "select pg_sleep(60)\0"));
      await until("a query at each of the servers", 20, async () => {
        const counts = await Promise.all([postgres.port, another.port].map((port) => sleeping(port)));
        return counts.every((count) => count === "1\n");
      });
      const cancel = await startup("several");
      const closed = proxy.records().length;
      cancel.write(request);
      await until("the query is cancelled", 20, () => cancelled() === round);
      cancel.close();
      await until("ready again", 20, () => session.text().endsWith("Z\0\0\0\x05I"));
      await until("its record", 20, () => proxy.records().length > closed);
    }
    expect(second.text()).not.toContain("C57014");
  });

  test("that asks for encryption inside of its encryption is told no, and goes on", async () => {
    const session = await startup("orders");
    session.write(framed("", "\x04\xd2\x16\x30"));
    await until("an answer", 10, () => session.text() === "N");
    session.write(framed("", "\x04\xd2\x16\x2f"));
    await until("an answer", 10, () => session.text() === "NN");
    session.write(opening);
    await until("ready for a query", 20, () => session.text().endsWith("Z\0\0\0\x05I"));
  });

  test("that sends a password unasked is refused", async () => {
    const session = await startup("orders");
    session.write(Buffer.concat([opening, framed("p", "hunter2\0")]));
    await until("words", 10, () => session.text().includes("a password, although none was asked for"));
  });
});

describe("a live connection", () => {
  test("ends when its grant maps to another user, and stays when it still names the same", async () => {
    const session = await startup("orders");
    session.write(framed("", "\0\x03\0\0user\0orders_app\0database\0orders\0\0"));
    await until("ready for a query", 20, () => session.text().endsWith("Z\0\0\0\x05I"));
    const map = (users: string[]) => () =>
      proxy.reconfigure((config) => ({
        ...config,
        rules: config.rules.map((rule) => (rule.id === "orders" ? { ...rule, loginUsers: users } : rule)),
      }));
    expect(await map(["reporting", "orders_app"])()).toMatchObject({ result: "applied" });
    session.write(framed("Q", "select 'still here'\0"));
    await until("an answer", 10, () => session.text().includes("still here"));
    expect(await map(["reporting"])()).toMatchObject({ result: "applied" });
    expect(await proxy.record({ "dst.service": "orders", close: "access-lost" })).toMatchObject({
      error: "its grant maps to another database user than orders_app now",
    });
    expect(await map(["orders_app", "reporting"])()).toMatchObject({ result: "applied" });
  });
});

describe("the mariadb client without a password", () => {
  test("is logged in as the user of its grant", async () => {
    const name = "legacy";
    const answer = await mariadb(name, "select current_user(), database(); select repeat('x', 3000000)", [
      "-D",
      "orders",
    ]);
    expect(answer.output.slice(0, 20)).toBe("orders_app@%\torders\n");
    expect(answer.output).toHaveLength(20 + 3_000_001);
    expect(seen.at(-1)).toMatchObject({ user: "orders_app", refusal: undefined });
    expect(await proxy.record({ "dst.service": name })).toMatchObject({
      "db.user": "orders_app",
      "db.asked_user": "me",
      "db.name": "orders",
    });
  });

  test("with a password of its own, the password is not needed and goes nowhere", async () => {
    const answer = await mariadb("legacy", "select current_user()", ["-phunter2"]);
    expect(answer).toEqual({ code: 0, output: "orders_app@%\n" });
    expect(seen.every(({ token }) => !token.includes("hunter2"))).toBe(true);
  });

  test("reads the server's refusal of a token that is too old", async () => {
    ahead = 16 * MINUTE;
    const answer = await mariadb("legacy", "select 1");
    ahead = 0;
    expect(answer.output).toContain("Access denied for user 'orders_app'");
    expect(seen.at(-1)?.refusal).toBe("expired");
    expect(await proxy.record({ "dst.service": "legacy", close: "login-refused" })).toMatchObject({
      error: "the server refused the login of orders_app (1045)",
    });
  });

  test("is not logged in, and no token sent, as a user with another kind of proof", async () => {
    const before = seen.length;
    const answer = await mariadb("native", "select 1");
    expect(answer.output).toContain("portreeve: the server asks native for another proof than an IAM token");
    expect(seen).toHaveLength(before);
    expect(await proxy.record({ "dst.service": "native" })).toMatchObject({ close: "protocol-refused" });
  });

  test("comes through a tunnel of TLS, without TLS of its own, as through a sidecar", async () => {
    const tunnel = createTcpServer((socket) => {
      socket.on("error", () => {});
      void connectTls(proxy, ports.get("tunnel") ?? 0, proxy.client(API)).then((secured) => {
        socket.pipe(secured);
        secured.pipe(socket);
      });
    });
    await new Promise<void>((done) => {
      tunnel.listen(0, "127.0.0.1", () => done());
    });
    scope.onStop(() => void tunnel.close());
    const port = String((tunnel.address() as AddressInfo).port);
    const where = ["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", port, "-u", "me", "-phunter2"];
    const answer = await client("mariadb", [
      ...where,
      "-NBe",
      "select current_user(); show status like 'Ssl_version'",
    ]);
    expect(answer.output).toMatch(/^orders_app@%\nSsl_version\tTLSv1\.[23]\n$/);
  });
});

describe("redis-cli without a password", () => {
  test("is logged in by a token, in RESP2 and RESP3", async () => {
    expect(await redisCli("cache", "set", "k", "v")).toEqual({ code: 0, output: "OK\n" });
    expect(await redisCli("cache", "-3", "get", "k")).toEqual({ code: 0, output: "v\n" });
    expect(seen.at(-1)).toMatchObject({ user: "reports", refusal: undefined });
    expect(await proxy.record({ "dst.service": "cache" })).toMatchObject({ "db.user": "reports" });
  });

  test("may begin with a mass insertion: what comes before the login is over waits, and none of it is lost", async () => {
    const count = 2_000;
    const socket = await connectTls(proxy, ports.get("cache") ?? 0, proxy.client(API));
    const command = `*3\r\n$3\r\nSET\r\n$4\r\nmass\r\n$1000\r\n${"x".repeat(1_000)}\r\n`;
    const reading = readToEnd(socket);
    // Redis answers QUIT and closes: it drops its answers to a client that has ended its side.
    socket.write(`${command.repeat(count)}*1\r\n$4\r\nQUIT\r\n`);
    const answers = (await reading).toString();
    socket.destroy();
    expect(answers.replaceAll("+OK\r\n", "")).toBe("");
    expect(answers.length).toBe(5 * (count + 1));
  });

  test.each([
    ["a password", ["-a", "hunter2"]],
    ["user and password", ["--user", "web", "--pass", "hunter2"]],
    ["a password, and then HELLO 3", ["-3", "-a", "hunter2"]],
  ])("with %s of its own, it is not needed and goes nowhere", async (_, args) => {
    const answer = await redisCli("cache", ...args, "--no-auth-warning", "set", "own", "login");
    expect(answer).toEqual({ code: 0, output: "OK\n" });
    expect(seen.at(-1)).toMatchObject({ user: "reports", refusal: undefined });
    expect(seen.every(({ token }) => !token.includes("hunter2"))).toBe(true);
  });

  test("and the record says whom it asked to be, beside whom it was logged in as", async () => {
    expect(await proxy.record({ "dst.service": "cache", "db.asked_user": "web" })).toMatchObject({
      "db.user": "reports",
    });
  });

  test("sees every byte as the server sent it, and the server as the client did; HELLO with a login keeps its rest", async () => {
    const socket = await connectTls(proxy, ports.get("cache") ?? 0, proxy.client(API));
    scope.onStop(() => void socket.destroy());
    socket.on("error", () => {});
    let received = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
    });
    const value = randomBytes(3_000_000);
    const words = (...all: (string | Buffer)[]) =>
      Buffer.concat([
        Buffer.from(`*${all.length}\r\n`),
        ...all.flatMap((word) => [
          Buffer.from(`$${word.length}\r\n`),
          Buffer.from(word),
          Buffer.from("\r\n"),
        ]),
      ]);
    socket.write(
      Buffer.concat([
        words("HELLO", "2", "AUTH", "web", "hunter2", "SETNAME", "exact"),
        words("SET", "exact", value),
        words("CLIENT", "GETNAME"),
        words("GET", "exact"),
      ]),
    );
    const end = Buffer.concat([
      Buffer.from("+OK\r\n$5\r\nexact\r\n$3000000\r\n"),
      value,
      Buffer.from("\r\n"),
    ]);
    await until("all of the answers", 30, () => received.length >= end.length && received.at(-1) === 0x0a);
    const at = received.length - end.length;
    expect(received.subarray(at).equals(end)).toBe(true);
    expect(received.subarray(0, at).toString("latin1")).toMatch(/^\*14\r\n\$6\r\nserver\r\n/);
  });

  test("that says nothing for long stays logged in, and is no login under way", async () => {
    const within = (handshakeTimeout: string) =>
      proxy.reconfigure((config) => ({ ...config, limits: { ...config.limits, handshakeTimeout } }));
    expect(await within("1s")).toMatchObject({ result: "applied" });
    const socket = await connectTls(proxy, ports.get("cache") ?? 0, proxy.client(API));
    scope.onStop(() => void socket.destroy());
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
    });
    const since = Date.now();
    await until("longer than a login may take", 10, () => Date.now() - since > 2_500);
    socket.write("*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n*1\r\n$4\r\nPING\r\n");
    await until("answers", 10, () => text === "+OK\r\n+PONG\r\n");
    expect(await within("10s")).toMatchObject({ result: "applied" });
  });

  test("reads the server's refusal of a token for another cache", async () => {
    expect((await redisCli("cache-host", "get", "k")).output).toContain("WRONGPASS");
    expect(seen.at(-1)?.refusal).toBe("signed for else");
    expect(await proxy.record({ "dst.service": "cache-host" })).toMatchObject({ close: "login-refused" });
  });
});

describe("credentials", () => {
  test("are asked for once, whatever the number of logins, services and users", () => {
    expect(seen.length).toBeGreaterThan(10);
    expect(credentialRequests).toBe(1);
  });

  test("that cannot be had refuse the connection in words, and the database hears of no login", async () => {
    const parts = await partsOf(join(scope.dir, "database/ca"), 1);
    const usual = ports;
    poor = await startProxy(scope, parts, "poor", {
      PATH: process.env["PATH"] ?? "",
      HOME: scope.dir,
      AWS_EC2_METADATA_DISABLED: "true",
    });
    const before = seen.length;
    const answer = await psql("orders", "select 1", "user=me dbname=orders", poor);
    ports = usual;
    expect(answer.output).toContain("portreeve: there is no credential for orders (connection ");
    expect(await poor.record({ "dst.service": "orders" })).toMatchObject({ close: "credential-unavailable" });
    expect(seen).toHaveLength(before);
  });

  test("are counted by service and result, and the end of the token made last is known", async () => {
    const metrics = await proxy.metrics();
    // Two users of one database: two tokens.
    expect(metrics).toContain('portreeve_login_tokens_total{service="orders",result="issued"} 2\n');
    const ends = Number(
      /portreeve_login_token_expiry_seconds\{service="cache",worker="0"\} (\d+)/.exec(metrics)?.[1],
    );
    expect(Math.abs(ends - Date.now() / 1_000 - 15 * 60)).toBeLessThan(5 * 60);
    expect(metrics).not.toMatch(/portreeve_login_tokens_total\{[^}]*result="failed"/);
    expect(await poor.metrics()).toContain(
      'portreeve_login_tokens_total{service="orders",result="failed"} 1\n',
    );
  });

  test("and tokens are in no file, record, log or metric of the proxy, and in no configuration", async () => {
    const texts = [
      ...readdirSync(scope.dir)
        .map((name) => join(scope.dir, name))
        .filter((path) => statSync(path).isFile())
        .map((path) => readFileSync(path, "latin1")),
      proxy.running.log(),
      poor.running.log(),
      await proxy.metrics(),
      JSON.stringify(await proxy.admin("GET", "/connections")),
    ];
    expect(texts.join("")).toContain("orders_app");
    const signatures = seen.map(({ token }) => /X-Amz-Signature=([0-9a-f]{64})/.exec(token)?.[1] ?? "none");
    expect(new Set(signatures).size).toBeGreaterThan(3);
    for (const secret of [...signatures, CREDENTIALS.SecretAccessKey, CREDENTIALS.Token, "hunter2"]) {
      for (const text of texts) expect(text.includes(secret)).toBe(false);
    }
  });
});
