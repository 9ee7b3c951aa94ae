import { execFile, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { EC2Client, paginateDescribeSecurityGroupRules } from "@aws-sdk/client-ec2";
import {
  GetPolicyVersionCommand,
  IAMClient,
  ListPoliciesCommand,
  ListRolesCommand,
} from "@aws-sdk/client-iam";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";
import { createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { openFolder } from "../../scripts/demo/target.ts";
import { makeWorkspace, type Workspace } from "../../scripts/demo/workspace.ts";
import { freePorts } from "../cluster/ports.ts";
import { openPulumi, type PulumiEnvironment, type TestStack } from "../cluster/pulumi.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { type MotoServer, type Server, startMoto, startPostgres } from "../cluster/servers.ts";
import { startLdap } from "../proxy/broker-authenticators.ts";
import { startProxy, type TestProxy } from "../proxy/harness.ts";
import { isRoot } from "../toolchain/machine.ts";
import { tokenRefusal } from "./token-verifier.ts";

/**
 * The orders example: `analytics/reports` reaches PostgreSQL without a password anywhere, and loses everything with its grant,
 * in one `up`.
 *
 * Real: the Pulumi engine, the example's program, the proxy with the configuration that the deployment wrote, PostgreSQL,
 * psql. Stand-ins: the kubernetes provider (renders YAML), AWS (an emulator that checks no signature), the Pod Identity
 * agent, who checks the token for PostgreSQL, and the kubelet, which brings the ConfigMap into the pod.
 */
const run = promisify(execFile);
const user = isRoot ? { uid: 65534, gid: 65534 } : {};
const KEY = { AccessKeyId: "ASIAPROXY", SecretAccessKey: "proxy/secret+key", Token: "session//of+the=proxy" };
const HOST = "orders.cluster-abc123.us-east-1.rds.amazonaws.com";
const REPORTS = "spiffe://shop.example.com/ns/analytics/sa/reports";
const API = "spiffe://shop.example.com/ns/shop/sa/api";

let scope: Scope;
let pulumi: PulumiEnvironment;
let workspace: Workspace;
let stack: TestStack;
let moto: MotoServer;
let postgres: Server;
let proxy: TestProxy;
let listener = 0;
let databaseCa = "";
const tokens: string[] = [];

beforeAll(async () => {
  scope = await openScope("iam-database");
  chmodSync(scope.dir, 0o755);
  moto = await startMoto();
  postgres = await startDatabase();
  pulumi = await openPulumi();
  workspace = makeWorkspace(scope.dir);
  onlyReports();
  stack = await pulumi.folder(workspace.dir);
  await stack.config({
    ...openFolder(workspace).config,
    "portreeve-orders:policies": workspace.policies,
    "portreeve-orders:aws": "emulated",
    "portreeve-orders:awsEndpoint": moto.endpoint,
    "portreeve-orders:ordersDbEndpoint": HOST,
  });
});

afterAll(async () => {
  await scope?.stop();
  await pulumi?.close();
  await Promise.all([postgres?.stop(), moto?.stop()]);
});

/** Takes the other grants to orders-db out of the copy, so that what reports alone needs is seen to go. */
function onlyReports(): void {
  const file = join(workspace.policies, "grants.yaml");
  const documents = readFileSync(file, "utf8").split("\n---\n");
  const others = documents.filter((one) => !/service: orders-db/.test(one) || one.includes("reports-orders"));
  expect(documents.length - others.length).toBe(3);
  writeFileSync(file, others.join("\n---\n"));
}

async function startDatabase(): Promise<Server> {
  const authority = createAuthority("RDS");
  const leaf = createLeaf("database", authority, { dnsNames: [HOST] });
  const folder = join(scope.dir, "database");
  mkdirSync(folder);
  databaseCa = join(scope.dir, "rds.pem");
  writeFileSync(databaseCa, authority.cert);
  let port = 0;
  const ldap = await startLdap(scope, (asked, token) => {
    tokens.push(token);
    const keys = new Map([[KEY.AccessKeyId, { secret: KEY.SecretAccessKey, sessionToken: KEY.Token }]]);
    const expected = {
      service: "rds-db",
      host: `${HOST}:${port}`,
      region: "us-east-1",
      user: asked,
    } as const;
    return tokenRefusal(token, { ...expected, now: Date.now(), keys }) === undefined;
  });
  const hba = [
    "host all postgres 127.0.0.1/32 trust",
    `hostssl all all 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=${ldap} ldapprefix="uid=" ldapsuffix=",dc=test"`,
  ];
  for (const [name, content] of [
    ["cert", leaf.cert],
    ["key", leaf.key],
    ["hba", `${hba.join("\n")}\n`],
  ] as const) {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    if (user.uid !== undefined) chownSync(join(folder, name), user.uid, user.gid);
  }
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const file = (name: string) => join(folder, name);
  const server = await startPostgres({
    ssl: "on",
    ssl_cert_file: file("cert"),
    ssl_key_file: file("key"),
    hba_file: file("hba"),
  });
  port = server.port;
  const target = `host=127.0.0.1 port=${port} user=postgres dbname=postgres`;
  await run("psql", [target, "-qc", "create role orders_app login"]);
  await run("psql", [target, "-qc", "create database orders"]);
  return server;
}

/** The configuration as it was deployed; replaced is only what a cluster would give: certificates, mounts, the database's address. */
async function deployed(): Promise<
  Pick<ProxyConfigInput, "listeners" | "services" | "rules" | "policy" | "agents">
> {
  const config = JSON.parse(await openFolder(workspace).proxyConfig()) as ProxyConfigInput;
  const service = config.services.find(({ name }) => name === "orders-db");
  const own = config.listeners.find((one) => "service" in one && one.service === "orders-db");
  if (!service?.auth || !own) throw new Error("the deployed configuration does not log in to orders-db");
  expect(service.tls).toEqual({ mode: "simple", ca: "/etc/portreeve/ca/rds.pem", sni: HOST });
  return {
    policy: config.policy,
    agents: config.agents,
    listeners: [{ ...own, bind: "127.0.0.1", port: listener }],
    services: [
      {
        ...service,
        endpoints: [{ host: "127.0.0.1", port: postgres.port }],
        tls: { mode: "simple", ca: databaseCa, sni: HOST },
        // Where DNS would lead to the database, the token is signed for the same name.
        auth: { ...service.auth, host: HOST } as typeof service.auth,
      },
    ],
    rules: config.rules.filter((rule) => rule.service === "orders-db"),
  };
}

async function startDeployedProxy(): Promise<TestProxy> {
  [listener = 0] = await freePorts(1);
  const agent = createServer((request, response) => {
    const good = request.headers.authorization === "pod-token";
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.writeHead(good ? 200 : 403, { "content-type": "application/json" });
    response.end(JSON.stringify(good ? { ...KEY, Expiration } : {}));
  });
  await new Promise<void>((done) => {
    agent.listen(0, "127.0.0.1", () => done());
  });
  scope.onStop(() => void agent.close());
  const podToken = join(scope.dir, "pod-token");
  writeFileSync(podToken, "pod-token");
  const trustDomain = "shop.example.com";
  const trust = { trustDomain, bundles: [{ trustDomain, file: join(scope.dir, "proxy.ca.pem") }] };
  return startProxy(scope, { ...(await deployed()), trust }, "proxy", {
    PATH: process.env["PATH"] ?? "",
    HOME: scope.dir,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(agent.address() as AddressInfo).port}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: podToken,
  });
}

function psqlArguments(query: string, identity: string): string[] {
  const leaf = proxy.client(identity);
  const path = (name: string) => join(scope.dir, `client.${name}`);
  writeFileSync(path("ca"), proxy.ca.cert);
  writeFileSync(path("cert"), leaf.cert);
  writeFileSync(path("key"), leaf.key, { mode: 0o600 });
  const tls = `sslmode=verify-full sslrootcert=${path("ca")} sslcert=${path("cert")} sslkey=${path("key")}`;
  return [`host=localhost port=${listener} user=reports dbname=orders ${tls}`, "-wqAtc", query];
}

const environment = () => ({ PATH: process.env["PATH"] ?? "", HOME: scope.dir });

async function psql(query: string, identity = REPORTS): Promise<string> {
  return run("psql", psqlArguments(query, identity), { env: environment() }).then(
    ({ stdout }) => stdout,
    (error: { stderr: string }) => error.stderr,
  );
}

/** A session that lives until somebody ends it; resolves with what psql says then. */
function session(): Promise<string> {
  const child = spawn("psql", psqlArguments("select pg_sleep(600)", REPORTS), { env: environment() });
  let text = "";
  child.stderr.on("data", (data) => {
    text += data;
  });
  scope.onStop(() => void child.kill());
  return new Promise((done) => child.once("close", () => done(text)));
}

const emulated = () => ({
  endpoint: moto.endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});

/** What AWS has of it: documents of policies by name, roles, and the database's security-group rules. */
async function aws(): Promise<{ policies: Map<string, string>; roles: string[]; rules: string[] }> {
  const iam = new IAMClient(emulated());
  const policies = new Map<string, string>();
  const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: "Local" }));
  for (const { Arn, PolicyName = "", DefaultVersionId } of Policies) {
    const version = await iam.send(
      new GetPolicyVersionCommand({ PolicyArn: Arn, VersionId: DefaultVersionId }),
    );
    policies.set(PolicyName, decodeURIComponent(version.PolicyVersion?.Document ?? ""));
  }
  const { Roles = [] } = await iam.send(new ListRolesCommand({}));
  const rules: string[] = [];
  const pages = paginateDescribeSecurityGroupRules({ client: new EC2Client(emulated()) }, {});
  for await (const { SecurityGroupRules = [] } of pages) {
    rules.push(
      ...SecurityGroupRules.flatMap(({ IsEgress, FromPort }) => (IsEgress ? [] : [`ingress ${FromPort}`])),
    );
  }
  return { policies, roles: Roles.map(({ RoleName = "" }) => RoleName), rules };
}

/** Mesh objects and guards that let reports out to orders-db, by kind: the way there, and who sees it. */
function meshRules(): string[] {
  return rendered().flatMap(([, text]) => {
    const kind = /^kind: (Sidecar|NetworkPolicy|ServiceEntry|VirtualService)$/m.exec(text)?.[1];
    const names = text.includes("analytics") && (text.includes(HOST) || text.includes("portreeve-proxy"));
    return kind !== undefined && names ? [kind] : [];
  });
}

function rendered(): [string, string][] {
  return readdirSync(workspace.rendered, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => [name, readFileSync(join(workspace.rendered, name), "utf8")]);
}

test("reports reaches PostgreSQL with no password in its pod, configuration or state, and loses all of it with its grant in one up", async () => {
  await stack.up();
  proxy = await startDeployedProxy();
  const before = await aws();
  expect(before.policies.get("use1-orders-db-login")).toMatch(
    /"rds-db:connect".*:dbuser:cluster-ABCDEFGHIJKL01234\/orders_app"/,
  );
  expect(before.roles).toContain("use1-portreeve-portreeve-proxy");
  expect(before.roles).not.toContain("use1-analytics-reports");
  expect(before.rules).toEqual(["ingress 5432"]);
  expect(meshRules().sort()).toEqual([
    "NetworkPolicy",
    "NetworkPolicy",
    "ServiceEntry",
    "Sidecar",
    "VirtualService",
  ]);

  expect(await psql("select current_user, current_database()")).toBe("orders_app|orders\n");
  expect(await psql("select 1", API)).toContain("portreeve: access to orders-db is denied");
  const live = session();
  await expectNoSecrets();

  const grants = join(workspace.policies, "grants.yaml");
  const documents = readFileSync(grants, "utf8").split("\n---\n");
  writeFileSync(grants, documents.filter((one) => !one.includes("name: reports-orders")).join("\n---\n"));
  await waitForQuery();
  await stack.up();
  const now = await deployed();
  expect(await proxy.reconfigure((config) => ({ ...config, ...now }))).toMatchObject({ result: "applied" });

  expect(await live).toMatch(/closed.* unexpectedly/);
  expect(await proxy.record({ close: "access-lost" })).toMatchObject({
    "src.identity": REPORTS,
    "db.user": "orders_app",
    error: "no-grant-for-workload",
  });
  const after = await aws();
  expect([...after.policies.keys()]).not.toContain("use1-orders-db-login");
  expect(after.roles).not.toContain("use1-portreeve-portreeve-proxy");
  expect(after.rules).toEqual([]);
  expect(meshRules()).toEqual([]);
  expect(await psql("select 1")).toContain("portreeve: access to orders-db is denied");
  expect((await stack.up()).steps).toEqual([]);
  await stack.destroy();
});

/** The session's query runs at the server. */
async function waitForQuery(): Promise<void> {
  const target = `host=127.0.0.1 port=${postgres.port} user=postgres dbname=postgres`;
  const query =
    "select count(*) from pg_stat_activity where usename = 'orders_app' and query like 'select pg_sleep%'";
  await expect
    .poll(async () => (await run("psql", [target, "-Atc", query])).stdout, { timeout: 20_000 })
    .toBe("1\n");
}

async function expectNoSecrets(): Promise<void> {
  const state = await pulumi.cli(workspace.dir, ["stack", "export", "--stack", "test", "--show-secrets"]);
  const places: [string, string][] = [
    ...rendered(),
    ["state", JSON.stringify(JSON.parse(state).deployment.resources)],
    ["the proxy's file", readFileSync(join(scope.dir, "proxy.yaml"), "utf8")],
    ["records", JSON.stringify(proxy.records())],
    ["the proxy's log", proxy.running.log()],
    [
      "policies",
      readdirSync(workspace.policies)
        .map((name) => readFileSync(join(workspace.policies, name), "utf8").replace(/^ *#.*$/gm, ""))
        .join(),
    ],
  ];
  expect(tokens.length).toBeGreaterThan(0);
  const signatures = tokens.map(
    (token) => /X-Amz-Signature=([0-9a-f]{64})/.exec(token)?.[1] ?? "no signature",
  );
  for (const [place, text] of places) {
    for (const secret of [...signatures, KEY.SecretAccessKey, KEY.Token]) {
      expect(text.includes(secret), `a secret in ${place}`).toBe(false);
    }
    expect(/password|passwd|PGPASS/i.exec(text)?.[0], `the word in ${place}`).toBeUndefined();
  }
}
