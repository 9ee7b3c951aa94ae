/**
 * The proxy with the configuration that the stack has just deployed, on this machine: one connection that a grant allows,
 * one that none does, and the record of each. Only what a laptop cannot have is replaced: the certificates of the mesh (by
 * throw-away ones for the same identities), and the database with the login to it (by a server that answers with what it is sent).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { freePorts } from "../../test/cluster/ports.ts";
import type { Running, Scope } from "../../test/cluster/scope.ts";
import { until } from "../../test/cluster/until.ts";

const repository = join(import.meta.dirname, "../..");
const SERVICE = "orders-db";

interface CompiledConfig {
  readonly trust: { readonly trustDomain: string };
  readonly listeners: readonly Readonly<Record<string, unknown>>[];
  readonly services: readonly Readonly<Record<string, unknown>>[];
  readonly rules: readonly Readonly<Record<string, unknown>>[];
}

/** Runs both connections and returns what there is to show. */
export async function showProxy(scope: Scope, compiledConfig: string): Promise<string> {
  const [listen = 0, health = 0] = await freePorts(2);
  const backend = await echoServer();
  const dir = join(scope.dir, "proxy");
  mkdirSync(dir);
  const file = join(dir, "proxy.json");
  const compiled = JSON.parse(compiledConfig) as CompiledConfig;
  writeFileSync(file, JSON.stringify(forThisMachine(compiled, listen, health, portOf(backend)), null, 2));
  let proxy: Running | undefined;
  try {
    proxy = await scope.start(
      "proxy",
      process.execPath,
      [join(repository, "cli/main.ts"), "proxy", "--config", file, "--dev"],
      {
        env: { PATH: process.env.PATH ?? "", HOME: dir },
        ready: async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok,
      },
    );
    const client = (name: string) => join(dir, "dev/clients", name);
    const allowed = await say(listen, dir, client("shop-api"), "select 1");
    const denied = await say(listen, dir, client("stranger"), "select 1");
    const log = proxy.log;
    await until("both records", 20, () => closeRecords(log()).length === 2);
    return [
      `shop/api → ${SERVICE}:5432  ${outcome(allowed)}`,
      recordText(log(), "allow"),
      `a workload without a grant → ${SERVICE}:5432  ${outcome(denied)}`,
      recordText(log(), "deny"),
    ].join("\n");
  } finally {
    await proxy?.stop();
    backend.close();
  }
}

function forThisMachine(config: CompiledConfig, port: number, health: number, backend: number): unknown {
  const { trustDomain } = config.trust;
  const service = config.services.find(({ name }) => name === SERVICE);
  const listener = config.listeners.find((one) => one.service === SERVICE);
  if (!service || !listener) throw new Error(`the compiled configuration has no listener for ${SERVICE}`);
  return {
    ...config,
    trust: { ...config.trust, bundles: [{ trustDomain, file: "dev/ca.pem" }] },
    certificate: { source: "files", cert: "dev/proxy.pem", key: "dev/proxy.key" },
    listeners: [{ ...listener, bind: "127.0.0.1", port }],
    services: [
      {
        ...service,
        endpoints: [{ host: "127.0.0.1", port: backend }],
        tls: { mode: "none" },
        auth: undefined,
        mesh: undefined,
      },
    ],
    rules: config.rules
      .filter((rule) => rule.service === SERVICE)
      .map((rule) => ({ ...rule, loginUsers: undefined })),
    metrics: { bind: "127.0.0.1", port: health },
    admin: undefined,
    audit: { sinks: [{ type: "stdout" }] },
  };
}

function echoServer(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** What the peer answered; empty when it closed without an answer. */
function say(port: number, dir: string, client: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(
      {
        host: "127.0.0.1",
        port,
        servername: "localhost",
        ca: readFileSync(join(dir, "dev/ca.pem")),
        cert: readFileSync(`${client}.pem`),
        key: readFileSync(`${client}.key`),
      },
      () => socket.write(text),
    );
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.length >= text.length) socket.end();
    });
    // A refusal is a TLS alert or a close; which of the two is not the point here.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(answer));
  });
}

/** The proxy refuses in the client's own protocol: PostgreSQL's ErrorResponse, whose field M is the message. */
function outcome(answer: string): string {
  const refusal = /^E[\s\S]*\0M([^\0]*)\0/.exec(answer);
  if (refusal) return `refused before the database was dialled: "${refusal[1]}"`;
  return answer === "" ? "refused before the database was dialled" : `allowed: the answer is "${answer}"`;
}

function closeRecords(log: string): string[] {
  return log.split("\n").filter((line) => line.startsWith("{") && line.includes('"event":"close"'));
}

/** The close record of the connection with this verdict, as it was written. */
function recordText(log: string, verdict: "allow" | "deny"): string {
  const lines = closeRecords(log).filter((line) => line.includes(`"verdict":"${verdict}"`));
  if (lines.length !== 1)
    throw new Error(`expected one record with ${verdict}, found ${lines.length}:\n${log}`);
  return `  ${lines[0]}`;
}
