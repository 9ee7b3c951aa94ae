/** The chain as a running proxy under Bun writes it: rotation, workers, kill and restart; then a full disk. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logFiles } from "../../cli/audit/log-files.ts";
import type { Verification } from "../../cli/audit/verification.ts";
import { verifyFiles } from "../../cli/audit/verify-files.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  type Backend,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "../proxy/harness.ts";

let scope: Scope;
let backend: Backend;
let port = 0;
let logs = "";
const pair = generateKeyPairSync("ed25519");

beforeEach(async () => {
  scope = await openScope("proxy-chain");
  backend = await startBackend(scope);
  [port = 0] = await freePorts(1);
  logs = join(scope.dir, "logs");
  writeFileSync(join(scope.dir, "sign.pem"), pair.privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
});
afterEach(() => scope.stop());

async function start(name: string, more: Partial<Parts> = {}): Promise<TestProxy> {
  mkdirSync(logs, { recursive: true });
  return startProxy(
    scope,
    {
      listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "echo" }],
      services: [
        { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      ],
      rules: [{ id: "loopback", action: "allow", service: "echo", subjects: { cidrs: ["127.0.0.0/8"] } }],
      audit: {
        sinks: [
          { type: "file", path: join(logs, "audit.jsonl"), maxBytes: 20_000, maxFiles: 50, fsync: "never" },
        ],
        signing: { keyFile: "sign.pem", every: 10, interval: "1s" },
      },
      ...more,
    },
    name,
  );
}

async function once(): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const reading = readToEnd(socket);
  socket.end("hello");
  await reading;
}

const verify = (): Promise<Verification> =>
  verifyFiles(logFiles([logs]), {
    keys: [createPublicKey(pair.publicKey.export({ type: "spki", format: "pem" }).toString())],
  });
const recorded = (): number =>
  logFiles([logs]).reduce(
    (sum, file) => sum + (readFileSync(file, "utf8").match(/"event":"close"/g)?.length ?? 0),
    0,
  );

describe("the chain of a running proxy", () => {
  test("holds over rotation, and is closed and signed when the proxy stops", async () => {
    const proxy = await start("one");
    for (let index = 0; index < 60; index++) await once();
    await until("all are recorded", 10, () => recorded() === 60);
    await proxy.running.stop();
    expect(readdirSync(logs).length).toBeGreaterThan(2);
    const { problems, chains } = await verify();
    expect(problems).toEqual([]);
    expect(chains).toMatchObject([{ closed: true, unprotected: 0, first: 0 }]);
  });

  test("of workers is one for each; one that is killed is explained by the one that follows it", async () => {
    const proxy = await start("two", { workers: 2 });
    for (let index = 0; index < 40; index++) await once();
    await until("all are recorded", 10, () => recorded() === 40);
    const [victim] = readFileSync(`/proc/${proxy.running.pid}/task/${proxy.running.pid}/children`, "utf8")
      .trim()
      .split(" ")
      .map(Number);
    if (victim === undefined) throw new Error("the proxy has no workers");
    process.kill(victim, "SIGKILL");
    const starts = () =>
      logFiles([logs])
        .map((file) => readFileSync(file, "utf8"))
        .join("")
        .match(/"event":"start"/g)?.length;
    await until("another worker has begun its chain", 15, () => starts() === 3);
    await proxy.running.stop();
    const { problems, notes, chains } = await verify();
    expect(problems).toEqual([]);
    expect(chains.map(({ closed }) => closed).sort()).toEqual([false, true, true]);
    expect(notes.map(({ message }) => message).join()).toMatch("its writer was killed");
  });

  test("says at its start that the records before it were changed, in its log, its metrics and the chain", async () => {
    const audit = {
      sinks: [{ type: "file" as const, path: join(logs, "audit.jsonl"), fsync: "never" as const }],
    };
    const proxy = await start("before", { audit });
    for (let index = 0; index < 5; index++) await once();
    await until("all are recorded", 10, () => recorded() === 5);
    expect(await proxy.metrics()).toMatch(/^portreeve_audit_chain_broken 0$/m);
    await proxy.running.stop();
    const [file = ""] = logFiles([logs]);
    writeFileSync(file, readFileSync(file, "utf8").replace('"verdict":"allow"', '"verdict":"deny"'));
    const after = await start("after", { audit });
    await until("the metric", 10, async () =>
      /^portreeve_audit_chain_broken 1$/m.test(await after.metrics()),
    );
    expect(after.running.log()).toMatch(/the records before this start are not as they were written/);
    await after.running.stop();
    expect(readFileSync(file, "utf8")).toMatch(
      /"event":"start".*"broken":"chain \S+, line \d+ is not as it was written"/,
    );
    expect((await verify()).problems.map(({ kind }) => kind)).toContain("changed");
  });

  test("survives a full disk: what could not be written is written later, or told", async () => {
    // The kernel answers every write to it with ENOSPC.
    const full = "/dev/full";
    expect(existsSync(full)).toBe(true);
    const proxy = await start("three", {
      audit: {
        sinks: [
          { type: "file", path: join(logs, "audit.jsonl"), fsync: "never" },
          { type: "file", path: full, fsync: "never", maxBytes: "1GiB" },
        ],
      },
    });
    for (let index = 0; index < 5; index++) await once();
    await until("the failure is in the metrics", 10, async () =>
      /portreeve_audit_lost_total [1-9]/.test(await proxy.metrics()),
    );
    const { problems, notes } = await verifyFiles(logFiles([logs]));
    expect(problems).toEqual([]);
    expect(notes.map(({ message }) => message).join()).toMatch(/lost by the sink "file"|chain \S+ is open/);
    await proxy.running.stop();
  });

  test("needs its key: without it the proxy does not start", async () => {
    const start_ = start("four", {
      audit: { sinks: [{ type: "stdout" }], signing: { keyFile: "missing.pem" } },
    });
    await expect(start_).rejects.toThrow(/audit\.signing\.keyFile cannot be used/);
  });
});
