/**
 * `portreeve proxy --config … --dev` as on a laptop, in front of real PostgreSQL, Redis, MariaDB and NATS: the commands that
 * it prints are typed as they are. NATS is spoken by hand over TLS from the first byte: the distribution has no client of it.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Running, type Scope } from "../cluster/scope.ts";
import { type Server, startMariadb, startNats, startPostgres, startRedis } from "../cluster/servers.ts";
import { until } from "../cluster/until.ts";
import type { AuditRecord } from "./harness.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
const API = "spiffe://example.org/ns/shop/sa/api";

let scope: Scope;
let running: Running;
let servers: Server[] = [];
let natsPort = 0;

beforeAll(async () => {
  scope = await openScope("proxy-dev");
  servers = await Promise.all([startPostgres(), startRedis(), startMariadb(), startNats()]);
  const ports = await freePorts(7);
  const [metrics = 0, admin = 0, nats = 0, ...listeners] = ports;
  natsPort = nats;
  const text = readFileSync(join(repository, "examples/proxy/proxy.yaml"), "utf8");
  const example = parse(text) as ProxyConfigInput;
  const endpoint = (index: number) => [{ host: "127.0.0.1", port: servers[index]?.port ?? 0 }];
  // The example with this machine's ports, and NATS beside it.
  const config: ProxyConfigInput = {
    ...example,
    metrics: { bind: "127.0.0.1", port: metrics },
    admin: { bind: "127.0.0.1", port: admin },
    listeners: [
      ...example.listeners.map((listener, index) => ({ ...listener, port: listeners[index] ?? 0 })),
      { name: "events", mode: "mtls", bind: "127.0.0.1", port: nats, service: "events" },
    ],
    services: [
      ...example.services.map((service, index) => ({ ...service, endpoints: endpoint(index) })),
      { name: "events", ports: [{ port: 4222, protocol: "nats" }], endpoints: endpoint(3) },
    ],
    rules: [
      ...example.rules,
      { id: "events", action: "allow", service: "events", subjects: { workloads: [API] } },
    ],
  };
  writeFileSync(join(scope.dir, "proxy.yaml"), stringify(config));
  const cli = [join(repository, "cli/main.ts"), "proxy", "--config", "proxy.yaml", "--dev"];
  running = await scope.start("dev", process.execPath, cli, {
    cwd: scope.dir,
    ready: async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`)).ok,
    timeoutSeconds: 60,
  });
});

afterAll(async () => {
  await scope?.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

/** The command that `--dev` printed for this client. */
function printed(client: string): string {
  const found = running
    .log()
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line.startsWith(`${client} `));
  if (found === undefined) throw new Error(`--dev printed no ${client} command:\n${running.log()}`);
  return found;
}

async function shell(command: string): Promise<{ code: number; output: string }> {
  try {
    const { stdout } = await run("sh", ["-c", command], {
      cwd: scope.dir,
      timeout: 20_000,
      env: { ...process.env, HOME: scope.dir },
    });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : -1, output: `${stdout}${stderr}` };
  }
}

function records(): AuditRecord[] {
  return running
    .log()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as AuditRecord)
    .filter(({ event }) => event === "close");
}

function recordOf(service: string, identity: string): Promise<AuditRecord> {
  return until(`a record of ${identity} at ${service}`, 10, () =>
    records().find((record) => record["dst.service"] === service && record["src.identity"] === identity),
  );
}

const STRANGER = "spiffe://example.org/ns/nowhere/sa/stranger";

describe.each([
  ["orders-db", "psql", '-qAtc "select 6*7"', "42\n"],
  ["cache", "redis-cli", "incrby answer 42", "42\n"],
  ["legacy-db", "mariadb", '--no-auto-rehash -NBe "select 6*7"', "42\n"],
])("%s by stock %s", (service, client, request, answer) => {
  test("answers to the command that was printed, and the record says who it was", async () => {
    expect(await shell(`${printed(client)} ${request}`)).toEqual({ code: 0, output: answer });
    expect(await recordOf(service, API)).toMatchObject({ verdict: "allow" });
  });

  test("is refused to the stranger, and the record says who that was", async () => {
    const { output } = await shell(`${printed(client).replaceAll("shop-api", "stranger")} ${request}`);
    expect(output).not.toContain(answer);
    const record = await recordOf(service, STRANGER);
    expect(record).toMatchObject({ verdict: "deny", close: "denied" });
    expect(record["dst.addr"]).toBeUndefined();
  });
});

describe("events by NATS, whose server speaks first", () => {
  const file = (name: string) => readFileSync(join(scope.dir, "dev/clients", name), "utf8");

  /** What comes until `last` has come, or the end. */
  function nats(client: string, lines: string, last: string): Promise<string> {
    const socket = tlsConnect({
      host: "127.0.0.1",
      port: natsPort,
      servername: "localhost",
      ca: readFileSync(join(scope.dir, "dev/ca.pem")),
      cert: file(`${client}.pem`),
      key: file(`${client}.key`),
    });
    return new Promise((done) => {
      let text = "";
      socket.on("error", () => {});
      socket.once("close", () => done(text));
      socket.on("data", (data) => {
        if (text === "") socket.write(lines);
        text += data.toString();
        if (text.includes(last)) socket.end();
      });
    });
  }

  test("publishes and gets what it published", async () => {
    const lines = 'CONNECT {"verbose":false}\r\nSUB orders 1\r\nPUB orders 5\r\nhello\r\n';
    const text = await nats("shop-api", lines, "hello\r\n");
    expect(text).toMatch(/^INFO \{.*\} \r\n/);
    expect(text).toContain("MSG orders 1 5\r\nhello\r\n");
    expect(await recordOf("events", API)).toMatchObject({ verdict: "allow", protocol: "nats" });
  });

  test("greets no stranger", async () => {
    expect(await nats("stranger", "", "never")).not.toContain("INFO");
    expect(await recordOf("events", STRANGER)).toMatchObject({ verdict: "deny", close: "denied" });
  });
});
