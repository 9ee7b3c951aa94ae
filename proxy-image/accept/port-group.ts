import type { OpenListener } from "../accept.ts";
import { steerNoMore, steerTo } from "../runtime/steer.ts";

/** How long a replaced socket still finishes handshakes of TCP that were begun with it: some round trips across the world. */
const OVERLAP_MS = 1_000;

/** The sockets of one port: the one in use, and those that it has replaced and that are not yet closed. */
export class PortGroup {
  /** In the kernel's order: appended when bound, the last one moved into the gap when one is closed. */
  readonly #sockets: OpenListener[];
  readonly #alone: boolean;

  /** @param alone no other process binds this port, so that the order of its sockets is known */
  constructor(first: OpenListener, alone: boolean) {
    this.#sockets = [first];
    this.#alone = alone;
  }

  get current(): OpenListener | undefined {
    return this.#sockets.reduce<OpenListener | undefined>(
      (newest, socket) => (newest === undefined || socket.serial > newest.serial ? socket : newest),
      undefined,
    );
  }

  /** Puts a newly bound socket into use, and closes the others once they have nothing left to accept. */
  replace(next: OpenListener): void {
    const old = [...this.#sockets];
    this.#sockets.push(next);
    this.#steer();
    setTimeout(() => {
      for (const socket of old) this.#close(socket);
    }, OVERLAP_MS).unref();
  }

  stop(): void {
    for (const socket of this.#sockets.splice(0)) socket.stop();
  }

  #close(socket: OpenListener): void {
    const index = this.#sockets.indexOf(socket);
    if (index < 0) return;
    const last = this.#sockets.pop();
    if (last && last !== socket) this.#sockets[index] = last;
    socket.stop();
    this.#steer();
  }

  #steer(): void {
    const { current } = this;
    if (!this.#alone || current?.descriptor === undefined) return;
    if (this.#sockets.length === 1) steerNoMore(current.descriptor);
    else steerTo(current.descriptor, this.#sockets.indexOf(current));
  }
}
