import { descriptorLimit, mostLingering } from "../descriptors.ts";
import type { Stream, StreamEvents } from "../stream.ts";
import {
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  IPPROTO_TCP,
  MSG_NOSIGNAL,
  SHUT_WR,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
} from "./constants.ts";
import { errorName, Memory } from "./libc.ts";
import type { Pollable, Poller } from "./poller.ts";

/** What one read takes at most: more than a socket's buffer holds by default, and less than a processor's second cache. */
const READ_BYTES = 256 * 1024;

/** Reads in a turn before others have theirs. */
const READS_PER_TURN = 4;

/** Between two probes of keepalive, in seconds, and how many go unanswered before the connection counts as dead. */
const KEEPALIVE_INTERVAL = 1;
const KEEPALIVE_PROBES = 10;

/** Sockets of the process that wait for their peer's end after their own; beyond this they are closed at once. */
const MOST_LINGERING = mostLingering(descriptorLimit() ?? Number.POSITIVE_INFINITY);

let lingering = 0;

const NOTHING = new Uint8Array(1);

/** What all sockets of a process share: one is read at a time. */
interface Shared {
  readonly buffer: Memory;
  readonly int: Memory;
  readonly length: Memory;
  /** `struct linger`: on, 0 s. */
  readonly reset: Memory;
}

/** Where a socket's events go. */
export interface SocketEvents extends StreamEvents {
  /** Asked before each read; what may not be read now is asked for again in the next turn. */
  mayRead?(): boolean;
}

let memory: Shared | undefined;

function shared(): Shared {
  if (memory) return memory;
  const reset = new Memory(8);
  reset.ints[0] = 1;
  memory = { buffer: new Memory(READ_BYTES), int: new Memory(4), length: Memory.int(4), reset };
  return memory;
}

/**
 * A connected TCP socket that the proxy drives itself, without the runtime: a third of the memory, half of the CPU for a
 * connection, and no copy of what is only passed on.
 *
 * It is told of by epoll once for each change (`EPOLLET`), so it reads until there is nothing left, and remembers that
 * it has not when it is paused.
 */
export class NativeSocket implements Stream, Pollable {
  readonly descriptor: number;
  mark = 0;
  readonly #poller: Poller;
  readonly #shared = shared();
  #events: SocketEvents | undefined;
  #paused = false;
  /** Was told that it may not read, and asks in the next turn. */
  #asks = false;
  /** The kernel took less than it was given. */
  #full = false;
  /** The peer has said that it will send no more. */
  #ended = false;
  #shut = false;
  /** Nobody wants what the peer still sends; closed when it has ended. */
  #closing = false;
  #closed = false;
  /**
   * The error that the kernel told. Taken from the socket, so that what was received before it can still be read; and then
   * what follows looks like an orderly end, which it is not.
   */
  #broken = 0;

  /** @param descriptor connected, and waited for by the poller edge-triggered, both ways */
  constructor(poller: Poller, descriptor: number) {
    this.#poller = poller;
    this.descriptor = descriptor;
  }

  /** Says where events go. Whatever came before is read in the next turn. */
  attach(events: SocketEvents): void {
    this.#events = events;
  }

  /**
   * The kernel did not take all that another layer sent by the descriptor: `drain` tells when it takes more.
   *
   * @param errno why it did not
   */
  refused(errno: number): void {
    if (this.#closed) return;
    this.#full = true;
    if (errno === EAGAIN || errno === EINTR) return;
    // An error is told once.
    this.#broken = errno;
    this.#poller.again(this);
  }

  // --- Stream

  get copiesAtOnce(): boolean {
    return true;
  }

  write(data: Uint8Array): number {
    if (this.#closed || this.#shut) return -1;
    if (data.length === 0) return 0;
    const taken = this.#poller.libc.send(this.descriptor, data, data.length, MSG_NOSIGNAL);
    if (taken === data.length) return taken;
    this.#full = true;
    if (taken >= 0) return taken;
    // An error is told once: epoll will only say that it hung up, and not that it was reset.
    if (this.#failed()) this.#poller.again(this);
    return 0;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#closed) this.#poller.again(this);
  }

  shutdown(): void {
    if (this.#closed || this.#shut) return;
    this.#shut = true;
    this.#poller.libc.shutdown(this.descriptor, SHUT_WR);
  }

  end(): void {
    if (this.#closed || this.#closing) return;
    // Closing with something unread would reset the connection, and with it what the peer has not read yet.
    if (this.#ended || lingering >= MOST_LINGERING) {
      this.#close(undefined);
      return;
    }
    lingering += 1;
    this.#closing = true;
    this.shutdown();
    this.resume();
  }

  terminate(): void {
    if (this.#closed) return;
    const { reset } = this.#shared;
    this.#poller.libc.setsockopt(this.descriptor, SOL_SOCKET, SO_LINGER, reset.at, 8);
    this.#close(undefined);
  }

  setNoDelay(on: boolean): void {
    this.#set(IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
  }

  /** @param initialDelay milliseconds; whole seconds count */
  setKeepAlive(on: boolean, initialDelay: number): void {
    this.#set(SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
    if (!on) return;
    this.#set(IPPROTO_TCP, TCP_KEEPIDLE, Math.max(1, Math.round(initialDelay / 1_000)));
    this.#set(IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    this.#set(IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
  }

  // --- Pollable

  ready(events: number): void {
    if ((events & EPOLLOUT) !== 0 && this.#full) {
      this.#full = false;
      if (!this.#closing) this.#events?.drain();
    }
    if (this.#closed) return;
    if ((events & EPOLLERR) !== 0) this.#broken = this.#takeError() || this.#broken;
    const hangup = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0;
    if (hangup || (events & EPOLLIN) !== 0) this.#read(hangup);
    if (this.#broken !== 0 && !this.#closed) this.#close(errorName(this.#broken));
  }

  goOn(): void {
    this.#asks = false;
    // What has happened since the last read is not known: also that the peer may have ended.
    this.#read(true);
    if (this.#broken !== 0 && !this.#closed) this.#close(errorName(this.#broken));
  }

  threw(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#events?.threw?.(error);
    if (!this.#closed) this.terminate();
  }

  // ---

  /** @param toTheEnd until nothing is left; otherwise a read that did not fill the buffer was the last */
  #read(toTheEnd: boolean): void {
    const { libc } = this.#poller;
    const { buffer } = this.#shared;
    for (let reads = 0; reads < READS_PER_TURN; reads++) {
      if (this.#closed || this.#ended || this.#paused || this.#asks) return;
      if (this.#events?.mayRead?.() === false) {
        this.#asks = true;
        break;
      }
      const length = libc.recv(this.descriptor, buffer.at, READ_BYTES, 0);
      if (length < 0) {
        this.#failed();
        return;
      }
      if (length === 0) {
        if (this.#broken === 0) this.#end();
        return;
      }
      if (!this.#closing) this.#deliver(buffer.bytes, length);
      if (length < READ_BYTES && !toTheEnd) return;
    }
    this.#poller.again(this);
  }

  #deliver(bytes: Uint8Array, length: number): void {
    const events = this.#events;
    const passed = events?.pass?.(bytes.subarray(0, length)) ?? 0;
    if (passed < length && !this.#closing && !this.#closed) events?.data(bytes.slice(passed, length));
  }

  #end(): void {
    this.#ended = true;
    if (this.#closing) this.#close(undefined);
    else this.#events?.ended();
  }

  #close(error: string | undefined): void {
    this.#closed = true;
    if (this.#closing) lingering -= 1;
    this.#poller.close(this);
    this.#events?.closed(error);
  }

  /** Whether the last call failed for good; to be asked at once. What was received before can still be read. */
  #failed(): boolean {
    const { libc } = this.#poller;
    const error = libc.errno();
    if (error === EAGAIN || error === EINTR) return false;
    // The runtime makes system calls of its own, at moments of its own: one between the call and the question would have left
    // its own error. A socket that is broken cannot send nothing either.
    if (!this.#shut && libc.send(this.descriptor, NOTHING, 0, MSG_NOSIGNAL) === 0) return false;
    this.#broken = error;
    return true;
  }

  #takeError(): number {
    const { int, length } = this.#shared;
    length.ints[0] = 4;
    int.ints[0] = 0;
    this.#poller.libc.getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, int.at, length.at);
    return int.ints[0] ?? 0;
  }

  #set(level: number, name: number, value: number): void {
    if (this.#closed) return;
    const { int } = this.#shared;
    int.ints[0] = value;
    this.#poller.libc.setsockopt(this.descriptor, level, name, int.at, 4);
  }
}
