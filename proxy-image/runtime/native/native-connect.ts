import type { SocketAddress } from "./address.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLOUT,
  IPPROTO_TCP,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "./constants.ts";
import { errorName, Memory } from "./libc.ts";
import { SOCKET_EVENTS } from "./native-listener.ts";
import { NativeSocket } from "./native-socket.ts";
import type { Pollable, Poller } from "./poller.ts";

/** How a connect ends: exactly one of these is called, once, and none after `terminate`. */
export interface ConnectOutcome {
  /** Attaches the socket's events. */
  connected(socket: NativeSocket): void;
  /** @param error its name, such as `ECONNREFUSED` */
  failed(error: string): void;
}

let on: Memory | undefined;
let asked: { readonly value: Memory; readonly length: Memory } | undefined;

/** A TCP connection that is being made. */
export class NativeConnect implements Pollable {
  readonly descriptor: number;
  mark = 0;
  readonly #poller: Poller;
  readonly #outcome: ConnectOutcome;
  /** Told by `connect` itself, which may refuse before there is anything to wait for. */
  readonly #atOnce: number;
  #over = false;

  /** @throws when there is no socket to be had */
  constructor(poller: Poller, address: SocketAddress, outcome: ConnectOutcome) {
    const { libc } = poller;
    this.#poller = poller;
    this.#outcome = outcome;
    this.descriptor = libc.socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.descriptor < 0) throw new Error(errorName(libc.errno()));
    on ??= Memory.int(1);
    libc.setsockopt(this.descriptor, IPPROTO_TCP, TCP_NODELAY, on.at, 4);
    this.#atOnce = libc.connect(this.descriptor, address.memory.at, address.length) < 0 ? libc.errno() : 0;
    // A socket that could not even begin is told of as hung up.
    try {
      poller.add(this, SOCKET_EVENTS);
    } catch (cause) {
      libc.close(this.descriptor);
      throw cause;
    }
  }

  /** Gives up. */
  terminate(): void {
    this.#over = true;
    this.#poller.close(this);
  }

  ready(events: number): void {
    if (this.#over) return;
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) {
      const error = this.#error();
      this.terminate();
      this.#outcome.failed(error);
      return;
    }
    if ((events & EPOLLOUT) === 0) return;
    this.#over = true;
    const socket = new NativeSocket(this.#poller, this.descriptor);
    this.#poller.replace(this, socket);
    try {
      this.#outcome.connected(socket);
      // What came with it is told once only.
      socket.ready(events & ~EPOLLOUT);
    } catch (cause) {
      socket.threw(cause);
    }
  }

  goOn(): void {}

  threw(cause: unknown): void {
    this.terminate();
    this.#outcome.failed(cause instanceof Error ? cause.message : String(cause));
  }

  #error(): string {
    // Kept, since an address alone keeps nothing.
    asked ??= { value: new Memory(4), length: new Memory(4) };
    const { value, length } = asked;
    value.ints[0] = 0;
    length.ints[0] = 4;
    this.#poller.libc.getsockopt(this.descriptor, SOL_SOCKET, SO_ERROR, value.at, length.at);
    return errorName(value.ints[0] || this.#atOnce);
  }
}
