import { type SocketAddress, socketAddress } from "./address.ts";
import { native } from "./libc.ts";
import { type ConnectOutcome, NativeConnect } from "./native-connect.ts";
import { NativeListener, type Peer } from "./native-listener.ts";
import type { NativeSocket } from "./native-socket.ts";
import { openPoller, type Poller } from "./poller.ts";

/** Addresses whose form for the kernel is kept: endpoints are few, and dialled again and again. */
const KEPT_ADDRESSES = 1_024;

/** Plain TCP sockets that the proxy drives itself: one for the process. */
class NativeSockets {
  readonly #poller: Poller;
  readonly #addresses = new Map<string, SocketAddress | undefined>();

  constructor(poller: Poller) {
    this.#poller = poller;
  }

  /**
   * @returns undefined for a host that is not an IP address
   * @throws when the port cannot be bound; its message is the error's name, such as `EADDRINUSE`
   */
  listen(
    hostname: string,
    port: number,
    accepted: (socket: NativeSocket, peer: Peer) => void,
  ): NativeListener | undefined {
    const address = socketAddress(hostname, port);
    return address && new NativeListener(this.#poller, address, accepted);
  }

  /**
   * @returns undefined for a host that is not an IP address
   * @throws when there is no socket to be had
   */
  connect(host: string, port: number, outcome: ConnectOutcome): NativeConnect | undefined {
    const address = this.#addressOf(host, port);
    return address && new NativeConnect(this.#poller, address, outcome);
  }

  #addressOf(host: string, port: number): SocketAddress | undefined {
    const key = `${host} ${port}`;
    const known = this.#addresses.get(key);
    if (known) return known;
    if (this.#addresses.size >= KEPT_ADDRESSES) this.#addresses.clear();
    const address = socketAddress(host, port);
    this.#addresses.set(key, address);
    return address;
  }
}

/**
 * Undefined where plain sockets are the runtime's own: not on Linux, with an unknown C library, with a runtime whose event
 * loop is not found, or where `PORTREEVE_SOCKETS=runtime` says so.
 */
export const nativeSockets: NativeSockets | undefined = open();

function open(): NativeSockets | undefined {
  if (!native || process.env["PORTREEVE_SOCKETS"] === "runtime") return undefined;
  const poller = openPoller();
  return poller && new NativeSockets(poller);
}
