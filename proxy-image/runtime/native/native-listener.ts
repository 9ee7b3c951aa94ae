import { addressIn, LONGEST_ADDRESS, portIn, type SocketAddress } from "./address.ts";
import {
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  IPPROTO_TCP,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from "./constants.ts";
import { errorName, type LibC, Memory } from "./libc.ts";
import { NativeSocket } from "./native-socket.ts";
import type { Pollable, Poller } from "./poller.ts";

/** Connections accepted in a turn before others have theirs. */
const ACCEPTS_PER_TURN = 32;

/** Connections that may wait to be accepted; the kernel's own bound (`net.core.somaxconn`) is 4096 by default. */
const BACKLOG = 4_096;

/** How long nothing is accepted after the kernel could not, for want of descriptors or memory. */
const REST_MS = 50;

/** What epoll shall tell of a connected socket. */
export const SOCKET_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/** Who connected. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** A listening port whose connections the proxy drives itself. */
export class NativeListener implements Pollable {
  readonly descriptor: number;
  readonly port: number;
  mark = 0;
  readonly #poller: Poller;
  readonly #accepted: (socket: NativeSocket, peer: Peer) => void;
  readonly #peer = new Memory(LONGEST_ADDRESS);
  readonly #length = new Memory(4);
  #rest: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** @param accepted called for each connection; attaches its events */
  constructor(poller: Poller, address: SocketAddress, accepted: (socket: NativeSocket, peer: Peer) => void) {
    this.#poller = poller;
    this.#accepted = accepted;
    this.descriptor = listening(poller.libc, address);
    this.port = this.#boundPort();
    try {
      poller.add(this, EPOLLIN);
    } catch (cause) {
      poller.libc.close(this.descriptor);
      throw cause;
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#rest === undefined) this.#poller.close(this);
    else {
      clearTimeout(this.#rest);
      this.#poller.libc.close(this.descriptor);
    }
  }

  ready(): void {
    const { libc } = this.#poller;
    for (let accepted = 0; accepted < ACCEPTS_PER_TURN && !this.#stopped; accepted++) {
      this.#length.ints[0] = LONGEST_ADDRESS;
      const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
      const descriptor = libc.accept4(this.descriptor, this.#peer.at, this.#length.at, flags);
      if (descriptor < 0) {
        this.#notAccepted(errorName(libc.errno()));
        return;
      }
      this.#take(new NativeSocket(this.#poller, descriptor));
    }
  }

  #take(socket: NativeSocket): void {
    try {
      this.#poller.add(socket, SOCKET_EVENTS);
    } catch {
      // The kernel waits for no more descriptors.
      this.#poller.libc.close(socket.descriptor);
      return;
    }
    const { bytes } = this.#peer;
    try {
      this.#accepted(socket, { address: addressIn(bytes), port: portIn(bytes) });
    } catch (cause) {
      socket.threw(cause);
    }
  }

  goOn(): void {}

  threw(): void {}

  #notAccepted(error: string): void {
    switch (error) {
      case "EAGAIN":
      case "EINTR":
      case "ECONNABORTED":
        return;
      default:
        // The connection is still waiting, so epoll would tell of it again at once.
        this.#poller.suspend(this);
        this.#restAWhile();
    }
  }

  #restAWhile(): void {
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      try {
        this.#poller.add(this, EPOLLIN);
      } catch {
        // What the kernel has too little of to accept, it may have too little of to wait.
        this.#restAWhile();
      }
    }, REST_MS);
  }

  #boundPort(): number {
    this.#length.ints[0] = LONGEST_ADDRESS;
    this.#poller.libc.getsockname(this.descriptor, this.#peer.at, this.#length.at);
    return portIn(this.#peer.bytes);
  }
}

function listening(libc: LibC, { family, memory, length }: SocketAddress): number {
  const descriptor = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw new Error(errorName(libc.errno()));
  const on = Memory.int(1);
  libc.setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, on.at, 4);
  libc.setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, on.at, 4);
  // Accepted sockets inherit it (tcp(7)).
  libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, on.at, 4);
  if (libc.bind(descriptor, memory.at, length) < 0 || libc.listen(descriptor, BACKLOG) < 0) {
    const error = errorName(libc.errno());
    libc.close(descriptor);
    throw new Error(error);
  }
  return descriptor;
}
