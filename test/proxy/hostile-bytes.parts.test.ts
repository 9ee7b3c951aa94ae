/**
 * Whatever strangers send first, at every kind of port of the running proxy and at its readers. Inputs come from a seed
 * (`PROXY_HOSTILE_SEED`), which a failure names. Not proven: anything about TLS inside BoringSSL, and HBONE, which has a test
 * of its own.
 */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceSchema } from "../../policy/compile/proxy/config-service.ts";
import { readLeaf } from "../../proxy-image/identity/certificate.ts";
import { readClientHello } from "../../proxy-image/protocol/client-hello.ts";
import { readConnectHead } from "../../proxy-image/protocol/connect-head.ts";
import { MysqlError, readGreeting, readLogin, readPacket } from "../../proxy-image/protocol/mysql-packets.ts";
import { hasNotes, NoteTaker } from "../../proxy-image/protocol/notes.ts";
import { readPostgresOpening } from "../../proxy-image/protocol/postgres-opening.ts";
import { readProxyHeader } from "../../proxy-image/protocol/proxy-header.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";
import { hostileInput, OPENINGS, random } from "./hostile-corpus.ts";

const seed = Number(process.env["PROXY_HOSTILE_SEED"] ?? Date.now() % 1_000_000_007);
/** Inputs for each reader; there are ten and the million is theirs together. */
const runs = Number(process.env["PROXY_HOSTILE_RUNS"] ?? 110_000);

describe(`the readers of first bytes (PROXY_HOSTILE_SEED=${seed})`, () => {
  const protocols = serviceSchema.shape.ports.element.shape.protocol.removeDefault().options.filter(hasNotes);
  const mysql = (read: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof MysqlError)) throw error;
    }
  };
  const readers: readonly (readonly [string, (bytes: Uint8Array) => unknown])[] = [
    ["PROXY header", readProxyHeader],
    ["ClientHello", readClientHello],
    ["CONNECT head", (bytes) => readConnectHead(bytes, 16_384)],
    ["PostgreSQL opening", readPostgresOpening],
    ["MySQL packet", mysql(readPacket)],
    ["MySQL greeting", mysql(readGreeting)],
    ["MySQL login", mysql(readLogin)],
    ["notes", notesOf],
    ["notes in two pieces", (bytes) => notesOf(bytes, bytes.length >> 1)],
    ["certificate", certificate],
  ];

  /** Each of the protocols in turn. */
  let turn = 0;
  function notesOf(bytes: Uint8Array, cut = bytes.length): void {
    turn += 1;
    const protocol = protocols[turn % protocols.length];
    if (protocol === undefined) throw new Error("no protocol has notes");
    const taker = new NoteTaker(protocol);
    const first = taker.take(bytes.subarray(0, cut));
    const note = first === "more" && cut < bytes.length ? taker.take(bytes.subarray(cut)) : first;
    if (typeof note !== "object") return;
    for (const value of Object.values(note)) {
      if (typeof value === "string" && value.length > 128)
        throw new Error("a note of more than 128 characters");
    }
  }

  /** Its caller takes any error as a refusal; what matters is that it comes to an end. */
  function certificate(bytes: Uint8Array): void {
    try {
      readLeaf(bytes);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  test("take a million inputs without throwing, growing, or taking long over one", () => {
    let inputs = 0;
    let slowest = { took: 0, what: "" };
    const counts: Record<string, number> = {};
    for (const [index, [reader, read]] of readers.entries()) {
      const next = random(seed + index);
      for (let run = 0; run < runs; run++) {
        const { name, bytes } = hostileInput(next);
        const begun = performance.now();
        try {
          read(bytes);
        } catch (cause) {
          throw new Error(
            `${reader} threw at input ${run} (${name}): ${Buffer.from(bytes).toString("hex")}`,
            { cause },
          );
        }
        const took = performance.now() - begun;
        if (took > slowest.took) slowest = { took, what: `${reader}: ${name}` };
        inputs += 1;
      }
      counts[reader] = runs;
    }
    console.log(
      `hostile inputs: ${inputs} (${JSON.stringify(counts)}); slowest ${slowest.took.toFixed(1)} ms, ${slowest.what}`,
    );
    if (process.env["PROXY_HOSTILE_RUNS"] === undefined) expect(inputs).toBeGreaterThanOrEqual(1_000_000);
    // Far more than any reader needs, and far less than a backtracking one: the rest is a machine that does other things.
    expect(slowest.took).toBeLessThan(1_000);
  });
});

describe(`the ports of a running proxy (PROXY_HOSTILE_SEED=${seed})`, () => {
  const kinds = ["mtls", "postgres", "mysql", "shared", "sni", "balanced", "balanced-tls"] as const;
  let scope: Scope;
  let backend: Backend;
  let proxy: TestProxy;
  let ports: number[] = [];

  beforeAll(async () => {
    scope = await openScope("proxy-hostile");
    backend = await startBackend(scope);
    ports = await freePorts(kinds.length);
    const at = (name: (typeof kinds)[number]) => ({
      name,
      bind: "127.0.0.1",
      port: ports[kinds.indexOf(name)] ?? 0,
    });
    const proxyProtocol = { from: ["127.0.0.0/8"] };
    const endpoints = [{ host: "127.0.0.1", port: backend.port }];
    proxy = await startProxy(scope, {
      limits: { handshakeTimeout: "1s" },
      listeners: [
        { ...at("mtls"), mode: "mtls", service: "echo" },
        { ...at("postgres"), mode: "mtls", service: "pg" },
        { ...at("mysql"), mode: "mtls", service: "my" },
        { ...at("shared"), mode: "connect" },
        { ...at("sni"), mode: "passthrough", routes: [{ sni: ["else.example.com"], service: "echo" }] },
        { ...at("balanced"), mode: "plaintext-loopback", service: "echo", proxyProtocol },
        { ...at("balanced-tls"), mode: "mtls", service: "echo", proxyProtocol },
      ],
      services: [
        { name: "echo", ports: [{ port: 7 }], endpoints },
        { name: "pg", ports: [{ port: 5432, protocol: "postgres" }], endpoints },
        { name: "my", ports: [{ port: 3306, protocol: "mysql" }], endpoints, inlineTls: true },
      ],
      rules: ["echo", "pg", "my"].map((service) => ({
        id: service,
        action: "allow" as const,
        service,
        subjects: { workloads: [API] },
      })),
    });
  });

  afterAll(() => scope?.stop());

  /** Sends, half-closes or leaves at once, and waits until the proxy is done with it. */
  function send(port: number, bytes: Uint8Array, how: number): Promise<void> {
    return new Promise((done, failed) => {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const timer = setTimeout(() => {
        socket.destroy();
        failed(new Error("it is neither answered nor closed"));
      }, 20_000);
      socket.once("close", () => {
        clearTimeout(timer);
        done();
      });
      socket.on("error", () => {});
      socket.on("end", () => socket.destroy());
      socket.resume();
      if (how === 0) socket.end(bytes);
      else if (how === 1) socket.write(bytes, () => socket.resetAndDestroy());
      else {
        // In two pieces, and then silence: what the time for a handshake is for.
        socket.write(bytes.subarray(0, bytes.length >> 1), () =>
          socket.write(bytes.subarray(bytes.length >> 1)),
        );
      }
    });
  }

  test.each(kinds)(
    "%s: no input reaches the backend, each has one record, nothing is left behind",
    async (kind) => {
      const port = ports[kinds.indexOf(kind)] ?? 0;
      const next = random(seed + kinds.indexOf(kind));
      const inputs = [
        ...OPENINGS.map(([name, bytes]) => ({ name, bytes })),
        ...Array.from({ length: 250 }, () => hostileInput(next)),
      ];
      const before = records(kind).length;
      const lanes = Array.from({ length: 25 }, async (_, lane) => {
        for (let index = lane; index < inputs.length; index += 25) {
          const input = inputs[index];
          if (!input) continue;
          await send(port, input.bytes, index % 3).catch((cause: unknown) => {
            throw new Error(`${input.name}: ${Buffer.from(input.bytes).toString("hex")}`, { cause });
          });
        }
      });
      await Promise.all(lanes);
      await until("nothing of it to be left", 20, async () => {
        const metrics = await proxy.metrics();
        return (
          /^portreeve_connections_live 0$/m.test(metrics) && /^portreeve_handshakes_pending 0$/m.test(metrics)
        );
      });
      await until("a record of each", 20, () => records(kind).length === before + inputs.length);
      const ours = records(kind);
      expect(new Set(ours.map(({ connection }) => connection)).size).toBe(ours.length);
      expect(ours.filter(({ verdict }) => verdict === "allow")).toEqual([]);
      expect(backend.connections).toBe(0);
    },
  );

  test("and who may in still gets in, at the same process", async () => {
    const socket = await connectTls(proxy, ports[0] ?? 0, proxy.client(API));
    const reading = readToEnd(socket);
    socket.end("hello");
    expect((await reading).toString()).toBe("hello");
    expect(proxy.running.log()).not.toMatch(/TypeError|Unhandled|panic/);
  });

  function records(listener: string) {
    return proxy.records().filter((record) => record["listener"] === listener);
  }
});
