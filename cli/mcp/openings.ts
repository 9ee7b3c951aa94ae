import { randomUUID } from "node:crypto";
import { CliError } from "../exit.ts";
import type { Authorizer } from "../people/authorization.ts";
import { endpointText } from "../people/local/endpoint.ts";
import { type Local, listenLocally } from "../people/local/listener.ts";
import type { Target } from "../people/proxy/target.ts";

/** What one server may have open. */
export interface Bounds {
  /** Local ports at one time. */
  readonly maxOpen: number;
  /** Longest time that one stays open. */
  readonly maxMinutes: number;
}

/** A local port that leads to a service for a while. */
export interface Opening {
  readonly id: string;
  readonly target: Target;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Epoch milliseconds. */
  readonly until: number;
  /** Why the last connection through it came to nothing; undefined when none did. */
  readonly lastRefusal: () => string | undefined;
}

/** Connections through one local port; the Agent's own limits hold at the proxy. */
const MAX_CONNECTIONS = 16;

/** The local ports that are open, each until its time is over. */
export class Openings {
  readonly #authorizer: Authorizer;
  readonly #bounds: Bounds;
  readonly #open = new Map<
    string,
    { readonly opening: Opening; readonly local: Local; readonly timer: NodeJS.Timeout }
  >();
  /** Counted from the first step on: two calls at once are both counted. */
  #reserved = 0;

  constructor(authorizer: Authorizer, bounds: Bounds) {
    this.#authorizer = authorizer;
    this.#bounds = bounds;
  }

  /** @throws CliError when too many are open */
  async open(target: Target, minutes: number): Promise<Opening> {
    if (this.#open.size + this.#reserved >= this.#bounds.maxOpen) {
      throw new CliError(`${this.#bounds.maxOpen} connections are open, which is the most; close one first`);
    }
    this.#reserved += 1;
    try {
      let refusal: string | undefined;
      const local = await listenLocally({
        authorizer: this.#authorizer,
        target: `${target.service}:${target.port}`,
        wanted: { type: "port", port: 0 },
        maxConnections: MAX_CONNECTIONS,
        onRefused: ({ message }) => {
          refusal = message;
        },
      });
      const span = Math.min(minutes, this.#bounds.maxMinutes) * 60_000;
      const granted = target.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(target.until);
      const until = Math.min(Date.now() + span, granted);
      const id = randomUUID();
      const timer = setTimeout(() => void this.close(id), Math.max(0, until - Date.now()));
      const opening = {
        id,
        target,
        address: endpointText(local.endpoint),
        until,
        lastRefusal: () => refusal,
      };
      this.#open.set(id, { opening, local, timer });
      return opening;
    } finally {
      this.#reserved -= 1;
    }
  }

  /** Ends one, and every connection through it; false when there is none. */
  async close(id: string): Promise<boolean> {
    const found = this.#open.get(id);
    if (!found) return false;
    this.#open.delete(id);
    clearTimeout(found.timer);
    await found.local.close();
    return true;
  }

  list(): Opening[] {
    return [...this.#open.values()].map(({ opening }) => opening);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.close(id)));
  }
}
