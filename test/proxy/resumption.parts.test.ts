/**
 * TLS sessions that are resumed: each is identified and judged as a new connection, and dies with the certificate, the
 * bundle or the client's own expiry. Not tested here: several workers, whose tickets are each worker's own.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, createLeaf, type Issued } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { API, type Backend, OTHER, startBackend, startProxy, type TestProxy } from "./harness.ts";

const run = promisify(execFile);
let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let ports: Record<"tls" | "staged", number>;

const allow = (service: string, ...workloads: string[]) => ({
  id: service,
  action: "allow" as const,
  service,
  subjects: { workloads },
});

beforeEach(async () => {
  scope = await openScope("proxy-resumption");
  backend = await startBackend(scope);
  const [tls = 0, staged = 0] = await freePorts(2);
  ports = { tls, staged };
  proxy = await startProxy(scope, {
    listeners: [
      { name: "tls", mode: "mtls", bind: "127.0.0.1", port: tls, service: "plain" },
      { name: "staged", mode: "mtls", bind: "127.0.0.1", port: staged, service: "database" },
    ],
    services: [
      { name: "plain", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      {
        name: "database",
        ports: [{ port: 5432, protocol: "postgres" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: ["plain", "database"].map((service) => allow(service, API, OTHER)),
  });
});

afterEach(() => scope.stop());

interface Visit {
  readonly answer: string;
  readonly resumed: boolean;
  /** What to resume with; undefined when the proxy gave no ticket. */
  readonly session: Buffer | undefined;
}

/** Says hello, reads what comes, and keeps the last ticket. */
async function visit(port: number, client: Issued, session?: Buffer): Promise<Visit> {
  const options: ConnectionOptions = {
    host: "127.0.0.1",
    port,
    servername: "localhost",
    // Whom the client believes is not the matter here, and the certificate changes on the way.
    rejectUnauthorized: false,
    cert: client.cert,
    key: client.key,
    ...(session && { session }),
  };
  const socket: TLSSocket = tlsConnect(options);
  let ticket: Buffer | undefined;
  let answer = "";
  let resumed = false;
  socket.on("session", (one: Buffer) => {
    ticket = one;
  });
  socket.on("error", () => {});
  socket.once("secureConnect", () => {
    resumed = socket.isSessionReused();
    socket.write("hello");
  });
  socket.on("data", (data: Buffer) => {
    answer += data.toString();
    if (answer === "hello") socket.end();
  });
  socket.once("end", () => socket.destroy());
  await new Promise<void>((done) => socket.once("close", () => done()));
  return { answer, resumed, session: ticket };
}

async function ticketOf(port: number, client: Issued): Promise<Buffer> {
  const first = await visit(port, client);
  expect(first).toMatchObject({ answer: "hello", resumed: false });
  if (!first.session) throw new Error("the proxy gave no ticket");
  return first.session;
}

/** A new certificate and key for the proxy, of the same CA. */
function replaceOwnCertificate(): void {
  const own = createLeaf("proxy", proxy.ca, {
    uris: ["spiffe://test.org/ns/portreeve/sa/proxy"],
    dnsNames: ["localhost"],
  });
  writeFileSync(join(scope.dir, "proxy.key.pem"), own.key);
  writeFileSync(join(scope.dir, "proxy.cert.pem"), own.cert);
}

describe.each(["tls", "staged"] as const)("a session resumed on a port of the %s kind", (kind) => {
  test("is identified again, and says in its record that it was resumed", async () => {
    const session = await ticketOf(ports[kind], proxy.client(API));
    expect(await visit(ports[kind], proxy.client(API), session)).toMatchObject({
      answer: "hello",
      resumed: true,
    });
    expect(await proxy.record({ listener: kind, "tls.resumed": true })).toMatchObject({
      "src.identity": API,
      verdict: "allow",
    });
  });

  test("is judged by the policy of now, not of when the ticket was given", async () => {
    const client = proxy.client(OTHER);
    const session = await ticketOf(ports[kind], client);
    await proxy.reconfigure((config) => ({
      ...config,
      rules: ["plain", "database"].map((service) => allow(service, API)),
    }));
    const dialled = backend.connections;
    expect((await visit(ports[kind], client, session)).answer).not.toContain("hello");
    const record = await proxy.record({ listener: kind, close: "denied" });
    expect(record).toMatchObject({ "src.identity": OTHER, reason: "no-grant-for-workload" });
    expect(backend.connections).toBe(dialled);
  });

  test("is the workload of the ticket, whatever certificate the client has by now", async () => {
    const session = await ticketOf(ports[kind], proxy.client(OTHER));
    await visit(ports[kind], proxy.client(API), session);
    const record = await proxy.record({ listener: kind, "tls.resumed": true });
    expect(record["src.identity"]).toBe(OTHER);
  });

  test("is not resumed once the proxy's certificate was replaced", async () => {
    const client = proxy.client(API);
    const session = await ticketOf(ports[kind], client);
    replaceOwnCertificate();
    expect((await proxy.reconfigure((config) => ({ ...config, policy: { digest: "test-2" } }))).result).toBe(
      "applied",
    );
    expect(await visit(ports[kind], client, session)).toMatchObject({ answer: "hello", resumed: false });
  });

  test("is not let in once the bundle no longer vouches for it", async () => {
    const client = proxy.client(API);
    const session = await ticketOf(ports[kind], client);
    writeFileSync(join(scope.dir, "proxy.ca.pem"), createAuthority("new CA").cert);
    expect((await proxy.reconfigure((config) => ({ ...config, policy: { digest: "test-2" } }))).result).toBe(
      "applied",
    );
    const dialled = backend.connections;
    expect((await visit(ports[kind], client, session)).answer).toBe("");
    expect(await proxy.record({ listener: kind, close: "handshake-failed" })).toMatchObject({
      verdict: "deny",
    });
    expect(backend.connections).toBe(dialled);
  });

  test("is not let in once the client's certificate has expired", async () => {
    const notAfter = Date.now() + 4_000;
    const client = proxy.client(API, { notAfter });
    const session = await ticketOf(ports[kind], client);
    await until("the certificate has expired", 10, () => Date.now() > notAfter + 1_000);
    const dialled = backend.connections;
    expect((await visit(ports[kind], client, session)).answer).toBe("");
    expect(await proxy.record({ listener: kind, close: "handshake-failed" })).toMatchObject({
      verdict: "deny",
    });
    expect(backend.connections).toBe(dialled);
  });

  test("carries no early data: openssl's offer of it is refused before a byte is read", async () => {
    const client = proxy.client(API);
    const file = (name: string) => join(scope.dir, name);
    writeFileSync(file("c.pem"), client.cert);
    writeFileSync(file("c.key"), client.key);
    writeFileSync(file("early"), "EARLY");
    const s_client = (...args: string[]) =>
      run(
        "timeout",
        [
          ..."20 openssl s_client -ign_eof -servername localhost -cert c.pem -key c.key".split(" "),
          ...["-connect", `127.0.0.1:${ports[kind]}`, ...args],
        ],
        { cwd: scope.dir },
      ).then(
        ({ stdout, stderr }) => stdout + stderr,
        ({ stdout, stderr }) => `${stdout}${stderr}`,
      );
    // The backend answers, so that the ticket is read before the end.
    await proxy.reconfigure((config) => ({
      ...config,
      services: config.services.map((one) => ({ ...one, idleTimeout: "1s" })),
    }));
    await s_client("-sess_out", "session.pem");
    const { stdout: session } = await run("openssl", [
      "sess_id",
      "-in",
      file("session.pem"),
      "-noout",
      "-text",
    ]);
    expect(session).toContain("TLSv1.3");
    expect(session).not.toMatch(/Max Early Data: [1-9]/);
    const bytes = backend.bytes;
    const output = await s_client("-sess_in", "session.pem", "-early_data", "early");
    expect(output).toMatch(/Early data was (not sent|rejected)/);
    expect(output).not.toContain("Early data was accepted");
    expect(backend.bytes).toBe(bytes);
    expect(readFileSync(file("session.pem"), "utf8")).toContain("BEGIN SSL SESSION");
  });
});
