/**
 * What the proxy's own sockets do when something goes wrong beneath them, made to go wrong by scripts that Bun loads before
 * the proxy. What it does not show: that a kernel answers like this.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findBun } from "../../cli/proxy/find-bun.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { type Parts, readToEnd, startBackend, startProxy, type TestProxy } from "./harness.ts";

const PROXY = join(import.meta.dirname, "../../proxy-image");

let scope: Scope;
let port = 0;

beforeEach(async () => {
  scope = await openScope("socket-faults");
  [port = 0] = await freePorts(1);
});

afterEach(() => scope.stop());

async function start(kind: string, script: string): Promise<TestProxy> {
  const backend = await startBackend(scope);
  const preload = join(scope.dir, "preload.ts");
  writeFileSync(preload, script);
  const parts: Parts = {
    listeners: [{ name: "plain", mode: "plaintext-loopback", port, service: "s" }],
    services: [{ name: "s", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] }],
    rules: [{ id: "loopback", action: "allow", service: "s", subjects: { cidrs: ["127.0.0.0/8"] } }],
  };
  const { PATH = "" } = process.env;
  return startProxy(scope, parts, "proxy", {
    PATH,
    PORTREEVE_SOCKETS: kind,
    BUN_OPTIONS: `--preload ${preload}`,
  });
}

test("a port whose kernel has no memory, to accept or to wait, is served once it has", async () => {
  const proxy = await start(
    "native",
    `import { native } from "${PROXY}/runtime/native/libc.ts";
const { libc } = native;
const { accept4, epoll_ctl, errno } = { ...libc };
const ENOMEM = 12;
let until = 0;
let failed = false;
// Begins with the first connection, and lasts.
const short = () => (failed = Date.now() < (until ||= Date.now() + 300));
libc.accept4 = (...args) => (short() ? -1 : accept4(...args));
const ADD = 1;
libc.epoll_ctl = (epoll, operation, ...rest) =>
  operation === ADD && until > 0 && short() ? -1 : epoll_ctl(epoll, operation, ...rest);
libc.errno = () => (failed ? ENOMEM : errno());
`,
  );
  const socket = connect({ host: "127.0.0.1", port });
  socket.write("hello");
  const [answer] = await once(socket, "data");
  expect(String(answer)).toBe("hello");
  socket.end();
  expect(proxy.running.log()).not.toContain("internal error");
  await proxy.record({ event: "close", bytes_recv: 5 });
});

test.each(["native", "runtime"])(
  "a mistake while the relay begins ends the connection, with sockets of the kind: %s",
  async (kind) => {
    const proxy = await start(
      kind,
      `import { Direction } from "${PROXY}/relay.ts";
Object.defineProperty(Direction.prototype, "sink", {
  set() {
    throw new Error("made on purpose");
  },
});
`,
    );
    const socket = connect({ host: "127.0.0.1", port });
    socket.resume().on("error", () => {});
    socket.write("hello");
    // Not `once` of node:events, which a reset would end with an error.
    await new Promise((done) => socket.once("close", done));
    expect(await proxy.record({ event: "close" })).toMatchObject({
      close: "internal-error",
      error: "made on purpose",
    });
    expect(await proxy.metrics()).toContain("portreeve_connections_live 0\n");
  },
);

test("an endpoint is not set aside for what the proxy itself ran out of", async () => {
  const proxy = await start(
    "native",
    `import { native } from "${PROXY}/runtime/native/libc.ts";
const { libc } = native;
const { socket, errno } = { ...libc };
const EMFILE = 24;
let short = false;
process.on("SIGUSR2", () => { short = !short; process.stderr.write(short ? "short\\n" : "enough\\n"); });
libc.socket = (...args) => (short ? -1 : socket(...args));
libc.errno = () => (short ? EMFILE : errno());
`,
  );
  const second = await startBackend(scope);
  const reloaded = await proxy.reconfigure((config) => ({
    ...config,
    services: config.services.map((service) => ({
      ...service,
      endpoints: [...service.endpoints, { host: "127.0.0.1", port: second.port }],
      outlier: { consecutiveFailures: 2 },
    })),
  }));
  expect(reloaded.error).toBeUndefined();
  const visit = async (): Promise<string> => {
    const client = connect({ host: "127.0.0.1", port });
    const reading = readToEnd(client);
    client.end("hello");
    return String(await reading);
  };
  process.kill(proxy.running.pid, "SIGUSR2");
  await until("there are no descriptors", 10, () => proxy.running.log().includes("short"));
  for (let failing = 0; failing < 4; failing++) expect(await visit()).toBe("");
  expect((await proxy.record({ close: "connect-failed" }))["error"]).toContain("EMFILE");
  process.kill(proxy.running.pid, "SIGUSR2");
  await until("there are again", 10, () => proxy.running.log().includes("enough"));
  for (let served = 0; served < 10; served++) expect(await visit()).toBe("hello");
  expect(second.connections).toBeGreaterThan(0);
  expect(second.connections).toBeLessThan(10);
});

test("who asks for its turn several times has it once, so that a fast sender takes no more than its own", async () => {
  const program = join(scope.dir, "turns.ts");
  writeFileSync(
    program,
    `import { socketAddress } from "${PROXY}/runtime/native/address.ts";
import { NativeListener } from "${PROXY}/runtime/native/native-listener.ts";
import { openPoller } from "${PROXY}/runtime/native/poller.ts";
const poller = openPoller();
const listener = new NativeListener(poller, socketAddress("127.0.0.1", 0), () => {});
let turns = 0;
const asking = { descriptor: listener.descriptor, mark: 0, ready() {}, threw() {}, goOn: () => void turns++ };
poller.replace(listener, asking);
for (const _ of [1, 2, 3]) poller.again(asking);
setTimeout(() => {
  console.log(turns);
  process.exit(0);
}, 50);
`,
  );
  const bun = findBun();
  if (!bun) throw new Error("the proxy's sockets are those of Bun, which npm ci installs");
  const { stdout } = await promisify(execFile)(bun, [program]);
  expect(stdout).toBe("1\n");
});
