/** Backends that misbehave, behind the running proxy. The full disk is in test/audit, refusing and resetting ones in life. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { run } from "../toolchain/run.ts";
import { type Backend, type Parts, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";

let scope: Scope;
let port = 0;

beforeEach(async () => {
  scope = await openScope("proxy-backends");
  [port = 0] = await freePorts(1);
});

afterEach(() => scope.stop());

type ServiceInput = Parts["services"][number];

function start(
  service: Partial<ServiceInput> & Pick<ServiceInput, "endpoints">,
  wrap?: readonly string[],
): Promise<TestProxy> {
  const parts: Parts = {
    listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "s" }],
    services: [{ name: "s", ports: [{ port: 7 }], ...service }],
    rules: [{ id: "loopback", action: "allow", service: "s", subjects: { cidrs: ["127.0.0.0/8"] } }],
  };
  return startProxy(scope, parts, "proxy", undefined, wrap);
}

const at = (backend: Backend) => [{ host: "127.0.0.1", port: backend.port }];

function client(): Socket {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** A port on which the kernel answers no further SYN: its process is stopped and its queue full. */
async function blackHole(host: string, taken: number): Promise<void> {
  const script = `require("net").createServer().listen({ host: "${host}", port: ${taken}, backlog: 1 })`;
  const ready = () =>
    new Promise<boolean>((done, failed) => {
      const probe = connect({ host, port: taken }, () => {
        probe.destroy();
        done(true);
      });
      probe.once("error", failed);
    });
  const running = await scope.start("black-hole", process.execPath, ["-e", script], {
    ready,
    timeoutSeconds: 20,
  });
  process.kill(running.pid, "SIGSTOP");
  const fill: Socket[] = [];
  scope.onStop(() => {
    for (const socket of fill) socket.destroy();
    process.kill(running.pid, "SIGCONT");
  });
  await until("its queue to be full", 20, async () => {
    const socket = connect({ host, port: taken });
    fill.push(socket);
    socket.on("error", () => {});
    return new Promise<boolean>((done) => {
      const timer = setTimeout(() => done(true), 300);
      socket.once("connect", () => {
        clearTimeout(timer);
        done(false);
      });
    });
  });
}

describe("a backend that never answers", () => {
  test("a SYN ends the connection at the connect timeout", async () => {
    const [taken = 0] = await freePorts(1);
    await blackHole("127.0.0.1", taken);
    const proxy = await start({ endpoints: [{ host: "127.0.0.1", port: taken }], connectTimeout: "500ms" });
    const socket = client();
    socket.write("anybody?");
    expect(await readToEnd(socket)).toHaveLength(0);
    expect(await proxy.record({ close: "connect-timeout" })).toMatchObject({
      verdict: "allow",
      bytes_recv: 0,
    });
  });

  test("a ClientHello does too, and no byte of the client's is sent to it", async () => {
    const silent = await startBackend(scope, () => {});
    const proxy = await start({
      endpoints: at(silent),
      connectTimeout: "500ms",
      tls: { mode: "simple", sni: "localhost" },
    });
    const socket = client();
    socket.write("password");
    expect(await readToEnd(socket)).toHaveLength(0);
    expect(await proxy.record({ close: "connect-timeout" })).toBeDefined();
  });

  test("a request ends the connection when it has been idle", async () => {
    const silent = await startBackend(scope, () => {});
    const proxy = await start({ endpoints: at(silent), idleTimeout: "500ms" });
    const socket = client();
    socket.write("anybody?");
    expect(await readToEnd(socket)).toHaveLength(0);
    expect(await proxy.record({ close: "idle-timeout", bytes_recv: 8, bytes_sent: 0 })).toBeDefined();
  });

  test("at one address of its name costs a quarter of a second: the next is tried beside it (RFC 8305)", async () => {
    const answers = createServer((socket) => void socket.pipe(socket));
    await new Promise<void>((done) => answers.listen(0, "127.0.0.1", () => done()));
    scope.onStop(() => void answers.close());
    const address = answers.address();
    const shared = typeof address === "object" && address ? address.port : 0;
    await blackHole("127.0.0.2", shared);
    // A hosts file of its own, in a mount namespace of its own: nothing else on the machine sees the name.
    writeFileSync(join(scope.dir, "hosts"), "127.0.0.2 two.test\n127.0.0.1 two.test\n127.0.0.1 localhost\n");
    const mount = `mount --bind ${join(scope.dir, "hosts")} /etc/hosts && exec "$@"`;
    const proxy = await start({ endpoints: [{ host: "two.test", port: shared }] }, [
      "unshare",
      "-m",
      "sh",
      "-c",
      mount,
      "sh",
    ]);
    for (let index = 0; index < 4; index++) {
      const socket = client();
      const reading = readToEnd(socket);
      socket.end("hello");
      expect((await reading).toString()).toBe("hello");
    }
    await until("four records", 10, () => proxy.records().length === 4);
    for (const record of proxy.records()) {
      expect(record).toMatchObject({ "dst.addr": `127.0.0.1:${shared}`, close: "client-closed" });
      expect(record["time.dial_ms"]).toBeLessThan(3_000);
    }
  });
});

describe("a backend that dribbles", () => {
  test("a byte at a time is not idle, and every byte arrives", async () => {
    const text = "one byte at a time, slower than the idle timeout is for all of it";
    const slow = await startBackend(scope, (socket) => {
      let sent = 0;
      const timer = setInterval(() => {
        socket.write(text.slice(sent, sent + 1));
        sent += 1;
        if (sent < text.length) return;
        clearInterval(timer);
        socket.end();
      }, 30);
      socket.on("close", () => clearInterval(timer));
    });
    const proxy = await start({ endpoints: at(slow), idleTimeout: "1s" });
    const socket = client();
    expect((await readToEnd(socket)).toString()).toBe(text);
    socket.end();
    expect(await proxy.record({ close: "upstream-closed" })).toMatchObject({ bytes_sent: text.length });
  });
});

describe("a backend that closes its half", () => {
  test("first still gets all that the client sends after it", async () => {
    const half = await startBackend(scope, (socket) => socket.end("bye"));
    const proxy = await start({ endpoints: at(half) });
    const socket = client();
    expect((await readToEnd(socket)).toString()).toBe("bye");
    const rest = randomBytes(2_000_000);
    socket.end(rest);
    const record = await proxy.record({ close: "upstream-closed" });
    expect(record).toMatchObject({ bytes_sent: 3, bytes_recv: rest.length });
    // The record is of what was sent; a busy backend reads it later.
    await until("the backend has read all", 10, () => half.bytes === rest.length);
  });

  test("never, after the client did, is given until the deadline", async () => {
    const open = await startBackend(scope, (socket) => void socket.write("not done"));
    const proxy = await start({ endpoints: at(open), halfCloseTimeout: "500ms" });
    const socket = client();
    const reading = readToEnd(socket);
    socket.end("done");
    expect((await reading).toString()).toBe("not done");
    const record = await proxy.record({ close: "half-close-timeout" });
    expect(record).toMatchObject({ bytes_sent: 8, bytes_recv: 4 });
    await until("what it says later is refused", 10, () => {
      for (const late of open.sockets) late.write("late");
      return open.sockets.size === 0;
    });
  });
});

test("what a backend has seen is never sent to another one, although it answers", async () => {
  const resetting = await startBackend(scope, (socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  const echoing = await startBackend(scope);
  const proxy = await start({ endpoints: [...at(resetting), ...at(echoing)] });
  let echoed = 0;
  for (let index = 0; index < 8; index++) {
    const socket = client();
    const reading = readToEnd(socket);
    socket.end("once");
    if ((await reading).toString() === "once") echoed += 1;
    socket.destroy();
  }
  await until("a record of each", 10, () => proxy.records().length === 8);
  // Both were used, so there was somebody to send it to a second time.
  expect(echoed).toBeGreaterThan(0);
  expect(echoed).toBeLessThan(8);
  expect(echoing.bytes).toBe(4 * echoed);
  expect(resetting.bytes).toBe(4 * (8 - echoed));
  expect(proxy.records().filter(({ close }) => close === "upstream-reset")).toHaveLength(8 - echoed);
});

describe("TCP keepalive", () => {
  /** The kernel's timers of the connections to or from a port, as `ss` shows them. */
  const timers = async (of: number) =>
    (await run("ss", ["-tnoH", "state", "established", `( sport = :${of} or dport = :${of} )`])).split("\n");

  test.each([
    ["20s", 2],
    ["0s", 0],
  ])("of %s is set on %i sockets of a connection that lasts", async (keepalive, sockets) => {
    const silent = await startBackend(scope, () => {});
    const proxy = await start({ endpoints: at(silent), keepalive });
    const socket = client();
    socket.write("x");
    await until("it is relayed", 10, () => silent.bytes === 1);
    const probing = async () => {
      const lines = [...(await timers(port)), ...(await timers(silent.port))];
      // Of the client's and the backend's own ends, which are in this process, there is no keepalive.
      return lines.filter((line) => line.includes("timer:(keepalive,")).length;
    };
    // Set for what lasts a while: where it is off, the same while has passed for a connection that has it on.
    await until("the moment at which it is set", 20, async () => {
      const live = (await proxy.admin("GET", "/connections")) as { since: string }[];
      return Date.now() - Date.parse(live[0]?.since ?? "") > 8_000;
    });
    expect(await probing()).toBe(sockets);
    socket.destroy();
  });
});

test("an endpoint that refuses again and again is set aside, and comes back when it answers", async () => {
  const [down = 0] = await freePorts(1);
  const up = await startBackend(scope);
  const proxy = await start({
    endpoints: [{ host: "127.0.0.1", port: down }, ...at(up)],
    outlier: { consecutiveFailures: 2, baseEjection: "1s", maxEjection: "1s" },
  });
  const once = async () => {
    const socket = client();
    const reading = readToEnd(socket);
    socket.end("x");
    expect((await reading).toString()).toBe("x");
  };
  for (let index = 0; index < 12; index++) await once();
  const late = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket));
  await new Promise<void>((done) => late.listen(down, "127.0.0.1", () => done()));
  scope.onStop(() => void late.close());
  await until("the endpoint is used again", 15, async () => {
    await once();
    return proxy.records().some((record) => record["dst.addr"] === `127.0.0.1:${down}`);
  });
  expect(proxy.records().filter(({ close }) => close !== "client-closed")).toEqual([]);
});
