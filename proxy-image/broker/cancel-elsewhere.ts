import { Dial, type DialOutcome } from "../connect/dial.ts";
import { targetOf } from "../connect.ts";
import type { Connection } from "../connection.ts";
import type { Stream, StreamEvents } from "../runtime/stream.ts";

/** One client's request must not become any number of connections. */
const MAX_PLACES = 16;

/** A server, by an address of its own. */
interface Place {
  readonly host: string;
  readonly port: number | undefined;
  readonly address: string;
}

/**
 * Brings a request to cancel to all other servers of the service. It comes by a connection of its own, which may have been
 * dialled to another server than the session's, or reach another worker or replica of the proxy than the session did; the key
 * in it is known to one server, and the others ignore it, as PostgreSQL does with any request that is not theirs.
 *
 * Nobody waits for it, and a server that is not reached is not told of: PostgreSQL answers no such request either.
 */
export function cancelElsewhere(connection: Connection, request: Uint8Array): void {
  const { service, state } = connection;
  if (!service) return;
  const here = connection.upstreamAddress;
  const seen = new Set([here]);
  const send = ({ host, port, address }: Place): void => {
    const target = targetOf(connection, service, { host, port }, [address]);
    if (!target || target.tls.hbonePort !== undefined || seen.size > MAX_PLACES) return;
    const place = `${address}:${target.port}`;
    if (seen.has(place)) return;
    seen.add(place);
    new Delivery(request, (outcome) => new Dial(target, outcome), service.config.connectTimeout).start();
  };
  for (const place of placesInUse(connection)) send(place);
  for (const { host, port } of service.endpoints.endpoints) {
    const all = (addresses: readonly string[]) => {
      for (const address of addresses) send({ host, port, address });
    };
    const found = state.resolver.resolve(host, service.config.dns, state.deadlines.now);
    if (found instanceof Promise) found.then(all, () => {});
    else all(found);
  }
}

/** Servers that sessions run at, which their name may not lead to any more. */
function placesInUse({ service, state, servicePort }: Connection): Place[] {
  return [...state.live].flatMap((other): Place[] => {
    const { endpoint, upstreamAddress } = other;
    if (other.service !== service || other.servicePort !== servicePort) return [];
    if (!endpoint || upstreamAddress === undefined) return [];
    const address = upstreamAddress.slice(0, upstreamAddress.lastIndexOf(":"));
    return [{ host: endpoint.host, port: endpoint.port, address }];
  });
}

/** One request to one server: sent once TLS is verified, and then over. */
class Delivery implements DialOutcome, StreamEvents {
  readonly #request: Uint8Array;
  readonly #dial: Dial;
  readonly #timeout: number;
  #socket: Stream | undefined;
  #clock: ReturnType<typeof setTimeout> | undefined;

  constructor(request: Uint8Array, dial: (outcome: DialOutcome) => Dial, timeout: number) {
    this.#request = request;
    this.#dial = dial(this);
    this.#timeout = timeout;
  }

  start(): void {
    this.#clock = setTimeout(() => {
      this.#dial.cancel();
      this.#socket?.terminate();
    }, this.#timeout);
    this.#dial.start();
  }

  connected(socket: Stream): StreamEvents {
    this.#socket = socket;
    // A few bytes on a fresh connection: taken as a whole, or not worth another try.
    socket.write(this.#request);
    return this;
  }

  failed(): void {
    clearTimeout(this.#clock);
  }

  data(): void {}

  drain(): void {}

  /** The server has read it. */
  ended(): void {
    this.#socket?.end();
  }

  closed(): void {
    clearTimeout(this.#clock);
  }
}
