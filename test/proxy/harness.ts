/** A running proxy for tests, with certificates of its own, echo backends, and its records. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { stringify } from "yaml";
import { findBun } from "../../cli/proxy/find-bun.ts";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import type { Running, Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";

export const TRUST_DOMAIN = "test.org";
export const API = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/api`;
export const OTHER = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/other`;

/** One audit record. */
export type AuditRecord = Readonly<Record<string, unknown>>;

export interface TestProxy {
  readonly running: Running;
  readonly dir: string;
  readonly ca: Authority;
  readonly adminPort: number;
  readonly metricsPort: number;
  /** Records so far. */
  records(): AuditRecord[];
  /** Waits for a record. */
  record(match: AuditRecord): Promise<AuditRecord>;
  /** Issues a client certificate. */
  client(uri: string, options?: CertificateOptions): Issued;
  /** Writes a changed configuration and waits until it is in force, or refused. */
  reconfigure(
    change: (config: ProxyConfigInput) => ProxyConfigInput,
  ): Promise<{ result: string; error?: string }>;
  admin(method: string, path: string): Promise<unknown>;
  metrics(): Promise<string>;
}

/** What a configuration must add to the harness's own parts. */
export type Parts = Pick<ProxyConfigInput, "listeners" | "services" | "rules"> & Partial<ProxyConfigInput>;

/**
 * @param env the proxy's environment. @default the tests' own
 * @param wrap a command that runs the proxy's own, which it is given as its arguments
 */
export async function startProxy(
  scope: Scope,
  parts: Parts,
  name = "proxy",
  env?: Readonly<Record<string, string>>,
  wrap: readonly string[] = [],
): Promise<TestProxy> {
  const bun = findBun();
  if (!bun) throw new Error("these tests run the proxy under Bun, which npm ci installs");
  const dir = scope.dir;
  const file = (suffix: string) => join(dir, `${name}.${suffix}`);
  const ca = createAuthority("test CA");
  const own = createLeaf("proxy", ca, {
    uris: [`spiffe://${TRUST_DOMAIN}/ns/portreeve/sa/proxy`],
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  writeFileSync(file("ca.pem"), ca.cert);
  writeFileSync(file("cert.pem"), own.cert);
  writeFileSync(file("key.pem"), own.key, { mode: 0o600 });
  const [adminPort = 0, freePort = 0] = await freePorts(2);
  const metricsPort = parts.metrics?.port ?? freePort;
  let config: ProxyConfigInput = {
    version: 1,
    policy: { digest: "test-1" },
    trust: {
      trustDomain: TRUST_DOMAIN,
      bundles: [{ trustDomain: TRUST_DOMAIN, file: file("ca.pem") }],
    },
    certificate: { source: "files", cert: file("cert.pem"), key: file("key.pem") },
    audit: { sinks: [{ type: "file", path: file("audit.jsonl"), fsync: "never" }] },
    metrics: { bind: "127.0.0.1", port: metricsPort },
    admin: { bind: "127.0.0.1", port: adminPort },
    ...parts,
  };
  writeFileSync(file("yaml"), stringify(config));
  const main = join(import.meta.dirname, "../../proxy-image/main.ts");
  const [command = bun, ...args] = [...wrap, bun, main, file("yaml")];
  const running = await scope.start(name, command, args, {
    ready: async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).ok,
    timeoutSeconds: 30,
    ...(env && { env }),
  });
  const records = (): AuditRecord[] => readRecords(file("audit.jsonl"));
  const admin = async (method: string, path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, { method });
    const text = await response.text();
    return response.headers.get("content-type") === "application/json" ? JSON.parse(text) : text;
  };
  return {
    running,
    dir,
    ca,
    adminPort,
    metricsPort,
    records,
    admin,
    record: (match) =>
      until(`a record with ${JSON.stringify(match)}`, 10, () =>
        records().find((record) => Object.entries(match).every(([key, value]) => record[key] === value)),
      ),
    client: (uri, options) => createLeaf("client", ca, { uris: [uri], ...options }),
    reconfigure: async (change) => {
      config = change(config);
      writeFileSync(file("yaml"), stringify(config));
      return (await admin("POST", "/reload")) as { result: string; error?: string };
    },
    metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  };
}

function readRecords(path: string): AuditRecord[] {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  // The last line may be on its way.
  const lines = text.split("\n").slice(0, -1);
  // A chain has lines of its own (start, checkpoint, …): they are of no connection.
  return lines
    .map((line) => JSON.parse(line) as AuditRecord)
    .filter(({ connection }) => connection !== undefined);
}

/** A backend that counts what comes. */
export interface Backend {
  readonly port: number;
  connections: number;
  bytes: number;
  readonly sockets: Set<Socket>;
}

/** Starts a backend on loopback; by default it echoes, half-close included. */
export async function startBackend(
  scope: Scope,
  handle: (socket: Socket) => void = (socket) => void socket.pipe(socket),
): Promise<Backend> {
  const backend: Backend = { port: 0, connections: 0, bytes: 0, sockets: new Set() };
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    backend.connections += 1;
    backend.sockets.add(socket);
    socket.on("data", (data) => {
      backend.bytes += data.length;
    });
    socket.on("error", () => {});
    socket.on("close", () => backend.sockets.delete(socket));
    handle(socket);
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", () => done());
  });
  scope.onStop(() => {
    for (const socket of backend.sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return Object.assign(backend, { port: typeof address === "object" && address ? address.port : 0 });
}

/** Connects with mutual TLS; resolves when the handshake is done, which with TLS 1.3 says nothing about being accepted. */
export async function connectTls(
  proxy: TestProxy,
  port: number,
  client: Issued | undefined,
): Promise<TLSSocket> {
  // Not in the typings, but passed on to the socket underneath.
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    host: "127.0.0.1",
    port,
    servername: "localhost",
    ca: proxy.ca.cert,
    ...(client ? { cert: client.cert, key: client.key } : {}),
    allowHalfOpen: true,
  };
  const socket = tlsConnect(options);
  await new Promise<void>((done, failed) => {
    socket.once("secureConnect", done);
    socket.once("error", failed);
  });
  return socket;
}

/** Everything that comes until the end; an error ends it too. */
export function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((done) => {
    socket.on("data", (data: Buffer) => chunks.push(data));
    const finish = () => done(Buffer.concat(chunks));
    socket.once("end", finish);
    socket.once("close", finish);
    socket.once("error", finish);
  });
}
