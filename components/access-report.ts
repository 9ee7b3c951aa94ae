import { AsyncLocalStorage } from "node:async_hooks";
import * as pulumi from "@pulumi/pulumi";
import { accessChangeLines, countChanges, diffAccessTables } from "../policy/diff/tables.ts";
import { readAccessTable } from "../policy/model/recorded.ts";
import type { AccessRow } from "../policy/model/types.ts";

/** More lines than this nobody reads in a terminal; the first are those of the most risk. */
const MOST_LINES = 20;
/** A name may be as long as its author likes. */
const LONGEST_LINE = 400;

/** Rows of the access table by who and to where. Positions are left out: they are paths of the machine that ran the preview. */
export type AccessInput = Readonly<Record<string, readonly Omit<AccessRow, "position">[]>>;

let made = 0;

/**
 * Tells on an AccessPlane, in a preview and in an update, what changes in access since the last deployment. The engine hands
 * the outputs of the last deployment to a hook of the resource, so neither the cluster nor another stack is asked. Where hooks
 * cannot be had, nothing is told, and nothing else changes.
 */
export class AccessReport {
  readonly #after: readonly AccessRow[];
  readonly #now: number;
  /** Bound to the resource by reference: empty until the engine has taken the hook, and for ever where it does not. */
  readonly #hooks: pulumi.ResourceHook[] = [];
  /** Never rejects: a deployment must not fail because a message cannot be told. */
  readonly #ready: Promise<void>;
  #plane: pulumi.Resource | undefined;

  /** @param now - epoch milliseconds; access that ended before it is none */
  constructor(name: string, after: readonly AccessRow[], now: number) {
    this.#after = after;
    this.#now = now;
    this.#ready = canHook() ? this.#register(name) : Promise.resolve();
  }

  async #register(name: string): Promise<void> {
    // The engine calls from outside of the program's async context, where Pulumi would not know which engine to log to.
    const inProgram = AsyncLocalStorage.snapshot();
    const hook = new pulumi.ResourceHook(
      // Hooks are known by name in the whole program, and two planes may have one name under different parents.
      `portreeve-access-${name}-${++made}`,
      ({ oldOutputs }) => inProgram(() => this.#tell(oldOutputs)),
      { onDryRun: true, ignoreErrors: true },
    );
    try {
      // A CLI without hooks refuses, and so does a language host that stands between and does not know them.
      await Reflect.get(hook, "__registered");
      this.#hooks.push(hook);
    } catch (error) {
      void pulumi.log.debug(`access changes are not told: ${String(error)}`);
    }
  }

  /** The component's only input. It is there when the hook is, so that the resource is not registered before. */
  get input(): Promise<AccessInput> {
    return this.#ready.then(() => accessInput(this.#after));
  }

  /** The component's options with the hook; those of the caller stay. */
  hookedInto(opts: pulumi.ComponentResourceOptions = {}): pulumi.ComponentResourceOptions {
    if (!canHook()) return opts;
    const { hooks } = opts;
    const joined = (own: readonly (pulumi.ResourceHook | pulumi.ResourceHookFunction)[] = []) =>
      own.length === 0 ? this.#hooks : [...own, ...this.#hooks];
    return {
      ...opts,
      hooks: {
        ...hooks,
        get beforeCreate() {
          return joined(hooks?.beforeCreate);
        },
        get beforeUpdate() {
          return joined(hooks?.beforeUpdate);
        },
      },
    };
  }

  /** The resource that messages are told on. */
  tellOn(plane: pulumi.Resource): void {
    this.#plane = plane;
  }

  /** Not awaited: a message waits for the resource's URN, which the engine gives after the hook has returned. */
  #tell(recorded: Readonly<Record<string, unknown>> | undefined): void {
    const message = accessMessage(recorded?.accessTable, this.#after, this.#now);
    if (message !== undefined) void pulumi.log.info(message, this.#plane);
  }
}

/** Pulumi's mocks, in which people test their programs, take no hooks: a program that registers one would never end. */
function canHook(): boolean {
  const monitor = pulumi.runtime.getMonitor();
  return monitor !== undefined && "registerResourceHook" in monitor;
}

/**
 * What is told; undefined when access does not change.
 *
 * @param recorded - the last deployment's table, as its state has it
 */
export function accessMessage(
  recorded: unknown,
  after: readonly AccessRow[],
  now: number,
): string | undefined {
  // A user may have made the output a secret: then what it was is not told either.
  if (pulumi.Output.isInstance(recorded))
    return "access: the last deployment's table is a secret, so what changes is not told";
  const before = recorded === undefined ? [] : readAccessTable(recorded);
  try {
    if (before === undefined) throw new TypeError("it is of another version");
    const changes = diffAccessTables(before, after, now);
    if (changes.length === 0) return undefined;
    const head =
      recorded === undefined
        ? `access: first deployment: ${countConnections(after)} allowed`
        : `access: ${countChanges(changes)}`;
    return [head, ...bounded(accessChangeLines(changes))].join("\n");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return `access: the last deployment's table cannot be compared (${error.message}); use portreeve diff`;
  }
}

function bounded(lines: readonly string[]): string[] {
  const shown = lines.slice(0, lines.length > MOST_LINES ? MOST_LINES : lines.length).map((line) => {
    const flat = line.replaceAll("\n", " ");
    return flat.length > LONGEST_LINE ? `${flat.slice(0, LONGEST_LINE - 1)}…` : flat;
  });
  const rest = lines.length - shown.length;
  return rest === 0
    ? shown
    : [...shown, `…and ${rest} more: pulumi preview --diff lists them, portreeve diff tells why`];
}

function countConnections(rows: readonly AccessRow[]): string {
  const allowed = rows.filter(({ action }) => action === "allow").map(pairOf);
  const count = new Set(allowed).size;
  return count === 1 ? "1 connection becomes" : `${count} connections become`;
}

/**
 * The table by pair. As the component's input it makes the engine see an update when the table changes, `preview --diff` list
 * each pair, and `preview --json` hold the table: a preview has no outputs of components.
 */
export function accessInput(rows: readonly AccessRow[]): AccessInput {
  const recorded = rows.map(({ position: _, ...row }) => row);
  return Object.fromEntries(Map.groupBy(recorded, pairOf));
}

function pairOf({ from, service, port }: Pick<AccessRow, "from" | "service" | "port">): string {
  return `${from} → ${service}:${port}`;
}
