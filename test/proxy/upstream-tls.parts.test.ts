import { execFile } from "node:child_process";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { type Server, startPostgres } from "../cluster/servers.ts";
import { isRoot } from "../toolchain/machine.ts";
import { API, connectTls, readToEnd, startProxy, type TestProxy } from "./harness.ts";

/** TLS from the proxy to the endpoint: what a sidecar cannot do for PostgreSQL and MySQL (istio#29761). */
const run = promisify(execFile);
const user = isRoot ? { uid: 65534, gid: 65534 } : {};

let scope: Scope;
let databases: Authority;
let postgres: Server;
let mariadbPort = 0;
let proxy: TestProxy;
let ports: number[] = [];
/** Set by the mesh service: who came. */
let seen: string | undefined;

beforeAll(async () => {
  scope = await openScope("proxy-upstream-tls");
  databases = createAuthority("database CA");
  const stranger = createAuthority("stranger");
  const files = join(scope.dir, "database");
  mkdirSync(files);
  const leaf = createLeaf("database", databases, { dnsNames: ["db.example.com"] });
  for (const [name, content] of [
    ["ca", databases.cert],
    ["cert", leaf.cert],
    ["key", leaf.key],
    ["wrong", stranger.cert],
  ] as const) {
    writeFileSync(join(files, name), content, { mode: 0o600 });
    if (user.uid !== undefined) chownSync(join(files, name), user.uid, user.gid);
  }
  if (user.uid !== undefined) chownSync(files, user.uid, user.gid);
  const open = await run("chmod", ["755", scope.dir]);
  expect(open.stderr).toBe("");
  postgres = await startPostgres({
    ssl: "on",
    ssl_cert_file: join(files, "cert"),
    ssl_key_file: join(files, "key"),
  });
  mariadbPort = await startMariadbWithTls(files);
  const ca = join(files, "ca");
  ports = await freePorts(7);
  const [, , , , , , meshPort = 0] = ports;
  const service = (name: string, port: number, protocol: "postgres" | "mysql" | "tcp", tls: object) => ({
    name,
    ports: [{ port: 1, protocol }],
    endpoints: [{ host: "127.0.0.1", port }],
    tls: tls as { mode: "none" },
    inlineTls: true,
  });
  const services = [
    service("verified", postgres.port, "postgres", { mode: "simple", ca, sni: "db.example.com" }),
    service("other-ca", postgres.port, "postgres", {
      mode: "simple",
      ca: join(files, "wrong"),
      sni: "db.example.com",
    }),
    service("other-name", postgres.port, "postgres", { mode: "simple", ca, sni: "else.example.com" }),
    service("mysql", mariadbPort, "mysql", {
      mode: "simple",
      ca,
      subjectAltNames: ["else.example.com", "db.example.com"],
    }),
    service("mesh", meshPort, "tcp", { mode: "mutual", spiffeIds: ["spiffe://test.org/ns/shop/sa/orders"] }),
    service("mesh-other", meshPort, "tcp", {
      mode: "mutual",
      spiffeIds: ["spiffe://test.org/ns/shop/sa/else"],
    }),
  ];
  proxy = await startProxy(scope, {
    listeners: services.map(({ name }, index) => ({
      name,
      mode: "mtls" as const,
      bind: "127.0.0.1",
      port: ports[index] ?? 0,
      service: name,
    })),
    services,
    rules: services.map(({ name }) => ({
      id: name,
      action: "allow" as const,
      service: name,
      subjects: { workloads: [API] },
    })),
  });
  startMeshService(meshPort);
});

afterAll(async () => {
  await scope.stop();
  await postgres.stop();
});

/** A service behind STRICT mutual TLS: it takes only the mesh's certificates, and has one itself. */
function startMeshService(port: number): void {
  const leaf = createLeaf("orders", proxy.ca, { uris: ["spiffe://test.org/ns/shop/sa/orders"] });
  const options = {
    ca: proxy.ca.cert,
    cert: leaf.cert,
    key: leaf.key,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const server = createTlsServer(options, (socket) => {
    seen = socket.getPeerCertificate().subjectaltname;
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(port, "127.0.0.1");
  scope.onStop(() => void server.close());
}

async function startMariadbWithTls(files: string): Promise<number> {
  const [port = 0] = await freePorts(1);
  const home = join(scope.dir, "mariadb");
  mkdirSync(home);
  if (user.uid !== undefined) chownSync(home, user.uid, user.gid);
  const data = `--datadir=${join(home, "data")}`;
  await run(
    "mariadb-install-db",
    ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"],
    { cwd: home, ...user },
  );
  const args = [
    "--no-defaults",
    data,
    "--bind-address=127.0.0.1",
    `--port=${port}`,
    `--socket=${join(home, "s")}`,
    `--pid-file=${join(home, "pid")}`,
  ];
  args.push(`--ssl-cert=${join(files, "cert")}`, `--ssl-key=${join(files, "key")}`);
  await scope.start("mariadb", "/usr/sbin/mariadbd", args, {
    ...user,
    ready: () =>
      run("mariadb", [
        "--no-defaults",
        "--protocol=tcp",
        "-h",
        "127.0.0.1",
        "-P",
        String(port),
        "-u",
        "root",
        "-e",
        "select 1",
      ]),
  });
  return port;
}

interface ClientFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function clientFiles(): ClientFiles {
  const leaf = proxy.client(API);
  const path = (name: string) => join(scope.dir, `client.${name}`);
  writeFileSync(path("ca"), proxy.ca.cert);
  writeFileSync(path("cert"), leaf.cert);
  writeFileSync(path("key"), leaf.key, { mode: 0o600 });
  return { ca: path("ca"), cert: path("cert"), key: path("key") };
}

async function psql(port: number, query: string): Promise<string> {
  const { ca, cert, key } = clientFiles();
  const target = `host=localhost port=${port} user=postgres sslmode=verify-full sslrootcert=${ca} sslcert=${cert} sslkey=${key}`;
  const { stdout, stderr } = await run("psql", [target, "-qAtc", query]).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${stdout}${stderr}`;
}

describe("TLS to the endpoint", () => {
  test("by PostgreSQL's own upgrade, verified by CA and name", async () => {
    expect(await psql(ports[0] ?? 0, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")).toBe("t\n");
  });

  test.each([
    [1, "other-ca", /certificate/],
    [2, "other-name", /else\.example\.com/],
  ])(
    "is not established with a certificate that does not fit, and nothing of the client's is sent",
    async (index, name, why) => {
      expect(await psql(ports[index] ?? 0, "select 1")).toContain(`portreeve: ${name} cannot be reached`);
      const record = await proxy.record({ "dst.service": name });
      expect(record).toMatchObject({ close: "connect-failed", bytes_recv: 0 });
      expect(record["error"]).toMatch(why);
    },
  );

  test("by MySQL's own upgrade, for a stock client whose own TLS ends at the proxy", async () => {
    const { ca, cert, key } = clientFiles();
    const where = [
      "--no-defaults",
      "--protocol=tcp",
      "-h",
      "localhost",
      "-P",
      String(ports[3]),
      "-u",
      "root",
    ];
    const tls = ["--ssl-verify-server-cert", `--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`];
    const { stdout } = await run("mariadb", [...where, ...tls, "-NBe", "show status like 'Ssl_version'"]);
    expect(stdout).toMatch(/^Ssl_version\tTLSv1\.[23]\n$/);
  });

  test("mutual, to a mesh service by its SPIFFE ID, which sees the proxy's", async () => {
    const socket = await connectTls(proxy, ports[4] ?? 0, proxy.client(API));
    const reading = readToEnd(socket);
    socket.end("hello");
    expect((await reading).toString()).toBe("hello");
    expect(seen).toContain("URI:spiffe://test.org/ns/portreeve/sa/proxy");
  });

  test("is not established with a mesh service of another identity", async () => {
    const socket = await connectTls(proxy, ports[5] ?? 0, proxy.client(API));
    expect(await readToEnd(socket)).toHaveLength(0);
    const record = await proxy.record({ "dst.service": "mesh-other" });
    expect(record["error"]).toContain(
      "it is spiffe://test.org/ns/shop/sa/orders, which is not an accepted identity",
    );
  });
});
