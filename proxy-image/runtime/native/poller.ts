import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { requireBun } from "../bun.ts";
import { turnsWaiting } from "../turn.ts";
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN } from "./constants.ts";
import { errorName, type LibC, Memory, requireNative } from "./libc.ts";

/** Something with a descriptor that is waited for. */
export interface Pollable {
  readonly descriptor: number;
  /** What the poller knows it by; numbers are used again, these are not. */
  mark: number;
  /** Called with what epoll tells. */
  ready(events: number): void;
  /** Called in the next turn after {@link Poller.again}. */
  goOn(): void;
  /** One of these has thrown. */
  threw(cause: unknown): void;
}

const MOST_EVENTS = 256;

/**
 * How long the poller sleeps at a time. It is woken by sockets, its own and the runtime's; only the runtime's timers cannot
 * wake it, so they are late by as much at most.
 */
const LONGEST_SLEEP_MS = 10;

/** `struct epoll_event` is packed on x86-64 alone. In ints: its length, and where the caller's 64 bits begin. */
const EVENT_INTS = process.arch === "x64" ? 3 : 4;
const DATA_AT = process.arch === "x64" ? 1 : 2;

/**
 * Waits for the descriptors of sockets that the proxy drives itself, in one thread with the runtime's own event loop.
 *
 * The runtime's epoll descriptor is itself waited for (epoll(7): an epoll descriptor is readable when it has events), so one
 * sleep ends for either. Each turn works off what is ready here and then lets the runtime have its turn. While there is
 * nothing to wait for, the runtime's loop runs as if this did not exist.
 */
export class Poller {
  readonly libc: LibC;
  readonly #epoll: number;
  readonly #event = new Memory(4 * EVENT_INTS);
  readonly #events = new Memory(4 * EVENT_INTS * MOST_EVENTS);
  readonly #polled: (Pollable | undefined)[] = [];
  #count = 0;
  #nextMark = 0;
  /** Each once, however often it asks: otherwise a fast sender, which asks by more than one way, had ever more of each turn. */
  #again = new Set<Pollable>();
  #turning = false;

  /** @param runtimeEpoll of the runtime's own event loop */
  constructor(runtimeEpoll: number) {
    this.libc = requireNative().libc;
    this.#epoll = this.libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw new Error(`epoll: ${errorName(this.libc.errno())}`);
    // Nothing is registered under its number, so that its events only end the sleep.
    if (this.#control(EPOLL_CTL_ADD, runtimeEpoll, EPOLLIN, 0) < 0) {
      throw new Error(`the runtime's event loop cannot be waited for: ${errorName(this.libc.errno())}`);
    }
  }

  /** Waits for a descriptor, until it is closed. */
  add(pollable: Pollable, events: number): void {
    this.#nextMark = (this.#nextMark + 1) & 0x7fff_ffff;
    pollable.mark = this.#nextMark;
    if (this.#control(EPOLL_CTL_ADD, pollable.descriptor, events, pollable.mark) < 0) {
      throw new Error(`epoll: ${errorName(this.libc.errno())}`);
    }
    this.#polled[pollable.descriptor] = pollable;
    this.#count += 1;
    this.#turn();
  }

  /** Another takes over what is told of a descriptor. */
  replace(old: Pollable, next: Pollable): void {
    next.mark = old.mark;
    this.#polled[next.descriptor] = next;
  }

  /** Closes a descriptor, and with it ends the wait. */
  close(pollable: Pollable): void {
    const { descriptor } = pollable;
    if (this.#polled[descriptor] !== pollable) return;
    this.#polled[descriptor] = undefined;
    this.#count -= 1;
    this.libc.close(descriptor);
  }

  /** Stops waiting for a while; `add` begins again. */
  suspend(pollable: Pollable): void {
    if (this.#polled[pollable.descriptor] !== pollable) return;
    this.#polled[pollable.descriptor] = undefined;
    this.#count -= 1;
    this.#control(EPOLL_CTL_DEL, pollable.descriptor, 0, 0);
  }

  /** Calls `goOn` in the next turn. */
  again(pollable: Pollable): void {
    this.#again.add(pollable);
  }

  /** Descriptors waited for. */
  get size(): number {
    return this.#count;
  }

  #control(operation: number, descriptor: number, events: number, mark: number): number {
    const { ints, at } = this.#event;
    ints[0] = events;
    ints[DATA_AT] = descriptor;
    ints[DATA_AT + 1] = mark;
    return this.libc.epoll_ctl(this.#epoll, operation, descriptor, at);
  }

  #turn(): void {
    if (this.#turning || this.#count === 0) return;
    this.#turning = true;
    setImmediate(this.#work);
  }

  readonly #work = (): void => {
    try {
      this.#tellReady(this.#again.size > 0 || turnsWaiting() > 0 ? 0 : LONGEST_SLEEP_MS);
      this.#tellAgain();
    } finally {
      this.#turning = false;
      this.#turn();
    }
  };

  #tellReady(timeoutMs: number): void {
    const count = this.libc.epoll_wait(this.#epoll, this.#events.at, MOST_EVENTS, timeoutMs);
    const { ints } = this.#events;
    for (let index = 0; index < count; index++) {
      const start = index * EVENT_INTS;
      const pollable = this.#polled[ints[start + DATA_AT] ?? -1];
      // What was closed in this very turn, and whose number somebody else has by now, is told nothing more.
      if (!pollable || pollable.mark !== ints[start + DATA_AT + 1]) continue;
      // Each is told once: what one of them throws must not keep it from the others.
      try {
        pollable.ready(ints[start] ?? 0);
      } catch (cause) {
        pollable.threw(cause);
      }
    }
  }

  #tellAgain(): void {
    if (this.#again.size === 0) return;
    const due = this.#again;
    this.#again = new Set();
    for (const pollable of due) {
      if (this.#polled[pollable.descriptor] !== pollable) continue;
      try {
        pollable.goOn();
      } catch (cause) {
        pollable.threw(cause);
      }
    }
  }
}

/** The poller of this process; undefined where there can be none. */
export function openPoller(): Poller | undefined {
  try {
    const epoll = runtimeEpoll();
    return epoll === undefined ? undefined : new Poller(epoll);
  } catch {
    return undefined;
  }
}

/** The epoll descriptor of the runtime's event loop: the one that waits for a socket which the runtime has opened. */
function runtimeEpoll(): number | undefined {
  const probe = requireBun().listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    return readdirSync("/proc/self/fd")
      .map(Number)
      .find((descriptor) => isEpoll(descriptor) && waitsFor(descriptor, probe.fd));
  } finally {
    probe.stop(true);
  }
}

function isEpoll(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === "anon_inode:[eventpoll]";
  } catch {
    // That of the listing itself, closed by now.
    return false;
  }
}

function waitsFor(epoll: number, descriptor: number): boolean {
  const info = readFileSync(`/proc/self/fdinfo/${epoll}`, "utf8");
  return new RegExp(`^tfd:\\s+${descriptor}\\s`, "m").test(info);
}
