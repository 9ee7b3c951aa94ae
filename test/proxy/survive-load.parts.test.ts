/** Floods, slow clients, reloads and a killed worker under load. Bounded: some hundreds of connections, on loopback. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type AuditRecord,
  type Backend,
  connectTls,
  OTHER,
  type Parts,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
} from "./harness.ts";
import { clientHello } from "./hostile-corpus.ts";

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let port = 0;
let plainPort = 0;
let sharedPort = 0;

beforeEach(async () => {
  scope = await openScope("proxy-load");
  backend = await startBackend(scope);
  [port = 0, plainPort = 0, sharedPort = 0] = await freePorts(3);
});

afterEach(() => scope.stop());

const rule = (
  id: string,
  subjects: Parts["rules"][number]["subjects"],
  limits = {},
): Parts["rules"][number] => ({
  id,
  action: "allow",
  service: "echo",
  subjects,
  limits,
});

async function start(more: Partial<Parts> = {}): Promise<void> {
  proxy = await startProxy(scope, {
    listeners: [
      { name: "echo", mode: "mtls", bind: "127.0.0.1", port, service: "echo" },
      { name: "plain", mode: "plaintext-loopback", port: plainPort, service: "echo" },
      { name: "shared", mode: "connect", bind: "127.0.0.1", port: sharedPort },
    ],
    services: [
      { name: "echo", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
    ],
    rules: [rule("api", { workloads: [API] }), rule("loopback", { cidrs: ["127.0.0.0/8"] })],
    ...more,
  });
}

function plain(): Socket {
  const socket = connect({ host: "127.0.0.1", port: plainPort, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** Whether the backend answered on it; it stays open when it did. */
function answers(socket: Socket): Promise<boolean> {
  socket.on("error", () => {});
  return new Promise((done) => {
    socket.once("data", () => done(true));
    socket.once("close", () => done(false));
    socket.once("end", () => {
      socket.destroy();
      done(false);
    });
    socket.write("x");
  });
}

async function value(name: string): Promise<number> {
  const lines = (await proxy.metrics())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

const closesOf = (reason: string): AuditRecord[] => proxy.records().filter(({ close }) => close === reason);

describe("a flood", () => {
  test("beyond the process's connections is refused at accept, and a place given back is used again", async () => {
    await start({ limits: { maxConnections: 40 } });
    const sockets = Array.from({ length: 200 }, plain);
    const served = (await Promise.all(sockets.map(answers))).filter(Boolean).length;
    expect(served).toBe(40);
    expect(backend.connections).toBe(40);
    expect(await value("portreeve_refused_at_accept_total")).toBe(160);
    for (const socket of sockets) socket.destroy();
    await until("all are gone", 10, async () => (await value("portreeve_connections_live")) === 0);
    expect(await answers(plain())).toBe(true);
  });

  test.each([
    ["one principal's in all", { limits: { maxConnectionsPerPrincipal: 10 } }],
    [
      "one principal's at the service",
      {
        services: () => ({ limits: { maxConnectionsPerPrincipal: 10 } }),
      },
    ],
    ["the service's", { services: () => ({ limits: { maxConnections: 10 } }) }],
    ["the rule's", { rules: [rule("api", { workloads: [API] }, { maxConnections: 10 })] }],
  ] as const)("beyond %s connections is refused, recorded, and never dialled", async (_, more) => {
    const service = "services" in more ? more.services() : {};
    await start({
      ...("limits" in more ? { limits: more.limits } : {}),
      rules: "rules" in more ? [...more.rules] : [rule("api", { workloads: [API] })],
      services: [
        {
          name: "echo",
          ports: [{ port: 7 }],
          endpoints: [{ host: "127.0.0.1", port: backend.port }],
          ...service,
        },
      ],
    });
    const client = proxy.client(API);
    const sockets: Socket[] = [];
    const asked = Array.from({ length: 40 }, async () => {
      const socket = await connectTls(proxy, port, client);
      sockets.push(socket);
      return answers(socket);
    });
    const served = (await Promise.all(asked)).filter(Boolean).length;
    expect(served).toBe(10);
    expect(backend.connections).toBe(10);
    await until("each refusal is recorded", 10, () => closesOf("limit").length === 30);
    for (const socket of sockets) socket.destroy();
    await until("all are gone", 10, async () => (await value("portreeve_connections_live")) === 0);
    expect(await answers(await connectTls(proxy, port, client))).toBe(true);
  });
});

describe("slow clients", () => {
  test("that send a byte now and then are closed at the time for a handshake, and others do not wait for them", async () => {
    await start({ limits: { handshakeTimeout: "2s" } });
    const hello = clientHello("localhost");
    const begun = performance.now();
    const slow = Array.from({ length: 150 }, (_, index) => {
      const socket = connect({ host: "127.0.0.1", port: index % 2 === 0 ? port : sharedPort });
      let sent = 0;
      const timer = setInterval(() => {
        // Never the last byte: a handshake that goes on and on.
        if (sent < hello.length - 1) socket.write(hello.subarray(sent, ++sent));
      }, 100);
      socket.on("error", () => {});
      socket.resume();
      return new Promise<void>((done) =>
        socket.once("close", () => {
          clearInterval(timer);
          done();
        }),
      );
    });
    await until("they are there", 10, async () => (await value("portreeve_handshakes_pending")) === 150);
    const asked = performance.now();
    const socket = await connectTls(proxy, port, proxy.client(API));
    expect(await answers(socket)).toBe(true);
    expect(performance.now() - asked).toBeLessThan(2_000);
    socket.destroy();
    await Promise.all(slow);
    expect(performance.now() - begun).toBeLessThan(15_000);
    await until("each is recorded", 10, () => closesOf("handshake-timeout").length === 150);
    expect(await value("portreeve_handshakes_pending")).toBe(0);
  });

  test("that send a CONNECT head a byte now and then are closed at that time too", async () => {
    await start({ limits: { handshakeTimeout: "1s" } });
    const socket = await connectTls(proxy, sharedPort, proxy.client(API));
    socket.on("error", () => {});
    socket.write("CONNECT echo:7 HTTP/1.1\r\nA: ");
    const timer = setInterval(() => socket.write("a"), 100);
    await readToEnd(socket);
    clearInterval(timer);
    expect(await proxy.record({ close: "handshake-timeout" })).toMatchObject({
      listener: "shared",
      verdict: "deny",
    });
  });
});

test("reloads every 50 ms under load cost who keeps access nothing, and leave nobody who lost it", async () => {
  const both = [rule("api", { workloads: [API] }), rule("other", { workloads: [OTHER] })];
  await start({ rules: both });
  let stop = false;
  const failures: string[] = [];
  const tally = { kept: 0, other: 0 };
  const work = async (client: ReturnType<TestProxy["client"]>, kept: boolean) => {
    while (!stop) {
      const sent = randomBytes(5_000);
      try {
        const socket = await connectTls(proxy, port, client);
        socket.on("error", () => {});
        const reading = readToEnd(socket);
        socket.end(sent);
        const whole = (await reading).equals(sent);
        if (kept && !whole) failures.push("bytes differ");
      } catch (error) {
        if (kept) failures.push(String(error));
      }
      if (kept) tally.kept += 1;
      else tally.other += 1;
    }
  };
  const lasting = await connectTls(proxy, port, proxy.client(API));
  const load = [
    ...[1, 2].map(() => work(proxy.client(API), true)),
    ...[1, 2].map(() => work(proxy.client(OTHER), false)),
  ];
  for (let index = 0; index < 80; index++) {
    const next = wait(50);
    const rules = index % 2 === 0 ? both.slice(0, 1) : both;
    const { result } = await proxy.reconfigure((config) => ({
      ...config,
      policy: { digest: `test-${index}` },
      rules,
    }));
    expect(result).toBe("applied");
    await next;
  }
  await proxy.reconfigure((config) => ({ ...config, policy: { digest: "last" }, rules: both.slice(0, 1) }));
  stop = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(await answers(lasting)).toBe(true);
  const live = (await proxy.admin("GET", "/connections")) as { principal: { workload?: string } }[];
  expect(live.map(({ principal }) => principal.workload)).toEqual([API]);
  const of = (id: string) => proxy.records().filter((record) => record["src.identity"] === id);
  await until(
    "each has its record",
    10,
    () => of(API).length === tally.kept && of(OTHER).length === tally.other,
  );
  expect(tally.kept).toBeGreaterThan(20);
  // Both answers were given, so the policy did change under them.
  expect(new Set(of(OTHER).map(({ verdict }) => verdict))).toEqual(new Set(["allow", "deny"]));
  expect(await value("portreeve_connections_live")).toBe(1);
});

test("a worker killed under load: the others go on, and no total goes back or says more than there was", async () => {
  await start({ workers: 2 });
  const SIZE = 1_000;
  const connects: number[] = [];
  const tally = { whole: 0, broken: 0 };
  let stop = false;
  const work = async () => {
    while (!stop) {
      const socket = plain();
      connects.push(performance.now());
      const reading = readToEnd(socket);
      socket.end(randomBytes(SIZE));
      if ((await reading).length === SIZE) tally.whole += 1;
      else tally.broken += 1;
    }
  };
  const load = [1, 2, 3, 4].map(work);
  const names = [
    "istio_tcp_connections_opened_total",
    "istio_tcp_received_bytes_total",
    "portreeve_audit_written_total",
  ];
  let last = names.map(() => 0);
  const sample = async () => {
    const now = await Promise.all(names.map(value));
    for (const [index, total] of now.entries())
      expect(total, names[index]).toBeGreaterThanOrEqual(last[index] ?? 0);
    last = now;
  };
  /** From when to when a worker's counters and records may have died with it. */
  const lost: { from: number; to: number }[] = [];
  for (let kill = 1; kill <= 2; kill++) {
    const served = tally.whole;
    await until("there is load", 20, () => tally.whole > served + 100);
    const sampledAt = performance.now();
    await sample();
    const pid = proxy.running.pid;
    const [victim = 0] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .map(Number);
    process.kill(victim, "SIGKILL");
    lost.push({ from: sampledAt - 500, to: performance.now() + 500 });
    await until("it is replaced", 20, async () => {
      await sample();
      return (
        (await value("portreeve_worker_restarts_total")) === kill && (await value("portreeve_workers")) === 2
      );
    });
  }
  const served = tally.whole;
  await until("both serve", 20, () => tally.whole > served + 100);
  stop = true;
  await Promise.all(load);
  await until("nothing is live", 10, async () => (await value("portreeve_connections_live")) === 0);
  await sample();
  const [opened = 0, received = 0] = last;
  expect(opened).toBeLessThanOrEqual(connects.length);
  expect(received).toBeLessThanOrEqual(connects.length * SIZE);
  // What a worker counted after it was last asked dies with it, and no more than that.
  const unseen = connects.filter((at) => lost.some(({ from, to }) => at > from && at <= to)).length;
  expect(opened).toBeGreaterThanOrEqual(tally.whole - unseen);
  expect(opened).toBeGreaterThan(0);
  const records = recordsOfWorkers();
  expect(new Set(records.map(({ connection }) => connection)).size).toBe(records.length);
  expect(records.length).toBeLessThanOrEqual(connects.length);
  expect(records.length).toBeGreaterThanOrEqual(tally.whole - unseen);
  expect(records.filter(({ bytes_recv }) => Number(bytes_recv) > SIZE)).toEqual([]);
  console.log(
    `killed twice: ${JSON.stringify({ connects: connects.length, ...tally, opened, records: records.length, unseen })}`,
  );
});

/** Every whole line of every worker; a kill may leave a part of one. */
function recordsOfWorkers(): AuditRecord[] {
  return readdirSync(scope.dir)
    .filter((name) => name.startsWith("proxy.audit.jsonl"))
    .flatMap((name) => readFileSync(join(scope.dir, name), "utf8").split("\n"))
    .flatMap((line) => parsed(line))
    .filter((record) => record["event"] === "close");
}

function parsed(line: string): AuditRecord[] {
  try {
    return [JSON.parse(line) as AuditRecord];
  } catch {
    return [];
  }
}
