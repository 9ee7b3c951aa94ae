/**
 * Everything one test starts and makes: a temporary folder and processes. All of it goes away with `stop()`, and also
 * when the test process is interrupted or killed (see watchdog.ts and leftovers.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, end, type Identity, identify, sweep, takeBack } from "./leftovers.ts";
import { until } from "./until.ts";

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Owner of the log file, for a process that changes its user and opens `/dev/stdout` anew. */
  readonly logOwner?: number;
  /** Met when the process can be used; asked again and again. Errors mean: not yet. */
  readonly ready: () => Promise<unknown> | unknown;
  /** @default 60 */
  readonly timeoutSeconds?: number;
}

export interface Running {
  readonly name: string;
  readonly pid: number;
  /** What it printed so far. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

export interface Scope {
  /** An own temporary folder, removed at the end. */
  readonly dir: string;
  /** Starts a process in a process group of its own and returns when it is ready. */
  readonly start: (
    name: string,
    command: string,
    args: readonly string[],
    options: StartOptions,
  ) => Promise<Running>;
  /** Has this run at the end, before the processes are ended; the last added first. */
  readonly onStop: (work: () => Promise<void> | void) => void;
  /** Has this command run at the end, also when the test process is killed. Say it before what it takes back is made. */
  readonly undoWith: (command: Command) => void;
  readonly stop: () => Promise<void>;
}

const LOG_TAIL = 2000;

/** One watchdog for all scopes of this process; started with the first. */
let watchdog: { child: ChildProcess; owners: Identity[] } | undefined;
const processes = new Set<Identity>();
const folders = new Set<string>();
const undo = new Set<Command>();

async function watch(): Promise<void> {
  if (watchdog !== undefined) return;
  const child = spawn(process.execPath, [join(import.meta.dirname, "watchdog.ts")], {
    // Nothing of ours but the pipe: whoever reads our output must not have to wait for the watchdog's end.
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // It must not keep the test process alive; the end of the pipe is its signal.
  child.unref();
  if (child.stdin !== null && "unref" in child.stdin && typeof child.stdin.unref === "function")
    child.stdin.unref();
  const owners = [process.pid, child.pid].flatMap((pid) => (pid === undefined ? [] : (identify(pid) ?? [])));
  watchdog = { child, owners };
  await sweep();
}

function tell(): void {
  const line = JSON.stringify({
    owners: watchdog?.owners ?? [],
    processes: [...processes],
    folders: [...folders],
    undo: [...undo],
  });
  watchdog?.child.stdin?.write(`${line}\n`);
}

export async function openScope(label: string): Promise<Scope> {
  await watch();
  const dir = mkdtempSync(join(tmpdir(), `portreeve-${label}-`));
  folders.add(dir);
  tell();
  const own = new Set<Identity>();
  const ownUndo: Command[] = [];
  const endings: (() => Promise<void> | void)[] = [];

  const stopOne = async (identity: Identity) => {
    await end([identity]);
    own.delete(identity);
    processes.delete(identity);
    tell();
  };

  const start: Scope["start"] = async (name, command, args, options) => {
    const logFile = join(dir, `${name}.log`);
    const out = openSync(logFile, "a");
    if (options.logOwner !== undefined) chownSync(logFile, options.logOwner, options.logOwner);
    const child = spawn(command, args, {
      stdio: ["ignore", out, out],
      detached: true,
      cwd: options.cwd ?? dir,
      ...(options.env && { env: { ...options.env } }),
      ...(options.uid !== undefined && { uid: options.uid }),
      ...(options.gid !== undefined && { gid: options.gid }),
    });
    closeSync(out);
    let failure: string | undefined;
    child.once("error", (error) => {
      failure = `cannot be started: ${error.message}`;
    });
    child.once("exit", (code, signal) => {
      failure ??= `ended with ${code ?? signal}`;
    });
    child.unref();
    const log = () => readFileSync(logFile, "utf8");
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity !== undefined) {
      own.add(identity);
      processes.add(identity);
      tell();
    }
    const tail = () => log().slice(-LOG_TAIL);
    await until(
      `${name} ready`,
      options.timeoutSeconds ?? 60,
      async () => (await options.ready()) !== false,
      () => (failure === undefined ? undefined : `${failure}\n${tail()}`),
      tail,
    );
    if (identity === undefined) throw new Error(`${name} has no process`);
    return { name, pid: identity.pid, log, stop: () => stopOne(identity) };
  };

  const stop = async () => {
    for (const work of endings.splice(0).reverse()) await work();
    await end([...own]);
    for (const identity of own) processes.delete(identity);
    own.clear();
    takeBack(ownUndo);
    for (const command of ownUndo) undo.delete(command);
    rmSync(dir, { recursive: true, force: true });
    folders.delete(dir);
    tell();
  };

  const undoWith = (command: Command) => {
    ownUndo.push(command);
    undo.add(command);
    tell();
  };

  return { dir, start, onStop: (work) => endings.push(work), undoWith, stop };
}

/** Runs `work` in a scope that is stopped whatever happens. */
export async function withScope<T>(label: string, work: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = await openScope(label);
  try {
    return await work(scope);
  } finally {
    await scope.stop();
  }
}
