/**
 * Real servers on free loopback ports, for tests that speak their protocols. Each has a scope of its own: `stop()` ends
 * it and removes its data. When we are root they run as an unprivileged user, since PostgreSQL refuses root.
 */
import { chownSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { isRoot, onPath } from "../toolchain/machine.ts";
import { type PartName, part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import { freePorts } from "./ports.ts";
import { openScope, type Running, type Scope } from "./scope.ts";

export interface Server {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

export interface MotoServer extends Server {
  /** For `endpoint` of an AWS client. Any credentials will do: it checks none. */
  readonly endpoint: string;
}

/** `nobody`, on every Linux; left alone when we are not root, for then we are unprivileged already. */
const user = isRoot ? { uid: 65534, gid: 65534 } : {};

const HOST = "127.0.0.1";

/** What a started server needs to be one of ours. */
interface Plan {
  readonly scope: Scope;
  readonly port: number;
  /** The main executable of the part. */
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

async function serve(name: PartName, start: (plan: Plan) => Promise<Running>): Promise<Server> {
  const { path } = await part(name);
  const scope = await openScope(name);
  try {
    if (user.uid !== undefined) chownSync(scope.dir, user.uid, user.gid);
    const [port = 0] = await freePorts(1);
    const env = { PATH: process.env.PATH ?? "", HOME: scope.dir, LC_ALL: "C" };
    const running = await start({ scope, port, path, env });
    return { host: HOST, port, log: running.log, stop: scope.stop };
  } catch (error) {
    await scope.stop();
    throw error;
  }
}

/** The first bytes a server sends: of its own accord, or in answer to `hello`. */
function firstBytes(port: number, hello?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, HOST);
    socket.setTimeout(2000, () => socket.destroy(new Error("no answer")));
    socket.once("connect", () => hello !== undefined && socket.write(hello));
    socket.once("data", (data) => {
      resolve(data.toString("latin1"));
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without a word")));
  });
}

/** User `postgres`, no password. `settings` go on the command line, for example `ssl: "on"`. */
export function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
  return serve("postgres", async ({ scope, port, path, env }) => {
    const data = join(scope.dir, "data");
    const bin = dirname(path);
    await run(path, ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], {
      cwd: scope.dir,
      env,
      ...user,
    });
    const given = Object.entries({ listen_addresses: HOST, fsync: "off", ...settings });
    return scope.start(
      "postgres",
      join(bin, "postgres"),
      [
        "-D",
        data,
        "-k",
        scope.dir,
        "-p",
        String(port),
        ...given.flatMap(([key, value]) => ["-c", `${key}=${value}`]),
      ],
      {
        env,
        ...user,
        ready: () => run(join(bin, "pg_isready"), ["-q", "-h", HOST, "-p", String(port)]),
      },
    );
  });
}

/** Keeps nothing on disk. `args` are added, for example `["--requirepass", "x"]`. */
export function startRedis(args: readonly string[] = []): Promise<Server> {
  return serve("redis", ({ scope, port, path, env }) =>
    scope.start(
      "redis",
      path,
      ["--bind", HOST, "--port", String(port), "--save", "", "--dir", scope.dir, ...args],
      {
        env,
        ...user,
        // With a password it answers NOAUTH, and is as ready.
        ready: async () => /^(\+PONG|-NOAUTH)/.test(await firstBytes(port, "PING\r\n")),
      },
    ),
  );
}

/** User `root`, no password. Speaks first. */
export function startMariadb(): Promise<Server> {
  return serve("mariadb", async ({ scope, port, path, env }) => {
    const data = join(scope.dir, "data");
    const install = onPath("mariadb-install-db");
    if (install === undefined)
      throw new Error("mariadb-install-db is not on PATH; it comes with mariadb-server");
    const options = ["--no-defaults", `--datadir=${data}`];
    await run(install, [...options, "--auth-root-authentication-method=normal", "--skip-test-db"], {
      cwd: scope.dir,
      env,
      ...user,
    });
    return scope.start(
      "mariadb",
      path,
      [
        ...options,
        `--bind-address=${HOST}`,
        `--port=${port}`,
        `--socket=${join(scope.dir, "socket")}`,
        `--pid-file=${join(scope.dir, "pid")}`,
      ],
      { env, ...user, ready: async () => (await firstBytes(port)).includes("MariaDB") },
    );
  });
}

/** Speaks first. */
export function startNats(args: readonly string[] = []): Promise<Server> {
  return serve("nats", ({ scope, port, path, env }) =>
    scope.start("nats", path, ["--addr", HOST, "--port", String(port), ...args], {
      env,
      ...user,
      ready: async () => (await firstBytes(port)).startsWith("INFO "),
    }),
  );
}

/** The AWS emulator: IAM, EC2, STS, EKS. */
export async function startMoto(): Promise<MotoServer> {
  // It lives in the cache, which nobody else may read when it is root's.
  const { path } = await part("moto");
  const scope = await openScope("moto");
  try {
    const [port = 0] = await freePorts(1);
    const endpoint = `http://${HOST}:${port}`;
    const running = await scope.start("moto", path, ["--host", HOST, "--port", String(port)], {
      env: { PATH: process.env.PATH ?? "", HOME: scope.dir, PYTHONDONTWRITEBYTECODE: "1" },
      ready: async () => (await fetch(`${endpoint}/moto-api/data.json`)).ok,
    });
    return { host: HOST, port, endpoint, log: running.log, stop: scope.stop };
  } catch (error) {
    await scope.stop();
    throw error;
  }
}
